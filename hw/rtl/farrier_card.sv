// The card: what a plugin puts into OpenNIC's 250 MHz box, in that box's shape: flat vectors with a lane
// per function (C2H, H2C) or MAC (RX, TX; here one), and AXI-Lite. One clock.
//
//   rx_path: wire -> functions      tx_path: functions -> wire      csr: AXI-Lite      counters
module farrier_card #(
  parameter int unsigned Functions = 2,          // 1-4
  parameter int unsigned Queues = 16,            // per function, 1-16
  parameter int unsigned HoldCells = 8192,       // for parked packets: 4 MiB
  parameter int unsigned PassCells = 1024,       // for packets passing
  parameter int unsigned TxCells = 4096,         // of TX memory
  parameter int unsigned PacingSlots = 4096,     // of the departure calendar, a power of two
  parameter int unsigned V4FlowDepth = 2048,     // filters per way, powers of two
  parameter int unsigned V4ListenDepth = 512,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,          // synchronous; a pulse of one cycle is enough
  input  logic [63:0]               time_i,          // the card's clock, ns; never goes back
  input  logic [47:0]               mac_i,           // of the port; its first byte in the upper bits
  input  logic                      link_i,          // the wire is up
  output logic                      ready_o,         // cleared after reset; before, the wire is ignored
  // AXI-Lite: byte offsets in the CSR window.
  input  logic                      awvalid_i,
  input  logic [31:0]               awaddr_i,
  output logic                      awready_o,
  input  logic                      wvalid_i,
  input  logic [31:0]               wdata_i,
  output logic                      wready_o,
  output logic                      bvalid_o,
  output logic [1:0]                bresp_o,
  input  logic                      bready_i,
  input  logic                      arvalid_i,
  input  logic [31:0]               araddr_i,
  output logic                      arready_o,
  output logic                      rvalid_o,
  output logic [31:0]               rdata_o,
  output logic [1:0]                rresp_o,
  input  logic                      rready_i,
  // From the wire (adap_rx).
  input  logic                      rx_valid_i,
  input  logic [511:0]              rx_data_i,
  input  logic [63:0]               rx_keep_i,
  input  logic                      rx_last_i,
  input  logic [15:0]               rx_size_i,       // with a frame's first beat
  input  logic [15:0]               rx_src_i,        // not used: there is one MAC
  input  logic [15:0]               rx_dst_i,        // not used
  output logic                      rx_ready_o,      // always 1
  // To the wire (adap_tx).
  output logic                      tx_valid_o,
  output logic [511:0]              tx_data_o,
  output logic [63:0]               tx_keep_o,
  output logic                      tx_last_o,
  output logic [15:0]               tx_size_o,
  output logic [15:0]               tx_src_o,
  output logic [15:0]               tx_dst_o,        // bit 6 + MAC
  input  logic                      tx_ready_i,
  // To the functions.
  output logic [Functions-1:0]      c2h_valid_o,
  output logic [Functions*512-1:0]  c2h_data_o,
  output logic [Functions*64-1:0]   c2h_keep_o,
  output logic [Functions-1:0]      c2h_last_o,
  output logic [Functions*16-1:0]   c2h_size_o,
  output logic [Functions*16-1:0]   c2h_src_o,
  output logic [Functions*16-1:0]   c2h_dst_o,
  output logic [Functions*4-1:0]    c2h_queue_o,     // that paid; for simulation: the shell picks by itself
  input  logic [Functions-1:0]      c2h_ready_i,
  // From the functions.
  input  logic [Functions-1:0]      h2c_valid_i,
  input  logic [Functions*512-1:0]  h2c_data_i,
  input  logic [Functions*64-1:0]   h2c_keep_i,
  input  logic [Functions-1:0]      h2c_last_i,
  input  logic [Functions*16-1:0]   h2c_size_i,      // of the packet
  input  logic [Functions*16-1:0]   h2c_src_i,       // not used: the lane tells
  input  logic [Functions*16-1:0]   h2c_dst_i,       // not used
  output logic [Functions-1:0]      h2c_ready_o,
  // Credits beside the doorbell: for simulation, where they come from the avail rings. Tie to 0.
  input  logic                      grant_i,
  input  logic [5:0]                grant_queue_i,   // 16 f + q
  input  logic [15:0]               grant_count_i,
  output logic                      grant_ready_o,
  // For whoever runs the clock; leave open on the FPGA.
  output logic                      idle_o,          // nothing moves before wake_o or an input; a cycle late
  output logic [63:0]               wake_o           // ns; all ones = never
);

  function automatic int unsigned max_of(int unsigned a, int unsigned b);
    max_of = (a > b) ? a : b;
  endfunction

  localparam int unsigned ClearCount =
      max_of(max_of(max_of(V4FlowDepth, V4ListenDepth), max_of(V6FlowDepth, V6ListenDepth)),
             farrier_regs_pkg::Owners);

  if (Functions < 1 || Functions > farrier_regs_pkg::MaxFunctions) begin : g_check_functions
    $error("farrier_card: Functions must be 1 to 4");
  end
  if (Queues < 1 || Queues > farrier_regs_pkg::MaxQueues) begin : g_check_queues
    $error("farrier_card: Queues must be 1 to 16");
  end

  // After reset the tables are cleared, entry by entry.
  logic        clear_q, lookups_ready, rx_open_q, rx_inside_q;
  logic [16:0] clear_index_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clear_q       <= 1'b1;
      clear_index_q <= '0;
      rx_open_q     <= 1'b0;
      rx_inside_q   <= 1'b0;
    end else begin
      if (clear_q) begin
        if (!clear_index_q[16]) clear_index_q <= clear_index_q + 17'd1;
        if (clear_index_q >= 17'(ClearCount - 1) && lookups_ready) clear_q <= 1'b0;
      end
      if (rx_valid_i) rx_inside_q <= !rx_last_i;
      // The wire is heard from a frame's beginning.
      if (!clear_q && !(rx_valid_i ? !rx_last_i : rx_inside_q)) rx_open_q <= 1'b1;
    end
  end

  assign ready_o    = rx_open_q;
  assign rx_ready_o = 1'b1;

  // CSRs.
  logic        request, request_write, request_done;
  logic [31:0] request_address, request_data, answer;

  axil_slave u_axil (
    .clk_i,
    .rst_ni,
    .awvalid_i,
    .awaddr_i,
    .awready_o,
    .wvalid_i,
    .wdata_i,
    .wready_o,
    .bvalid_o,
    .bresp_o,
    .bready_i,
    .arvalid_i,
    .araddr_i,
    .arready_o,
    .rvalid_o,
    .rdata_o,
    .rresp_o,
    .rready_i,
    .request_o(request),
    .write_o  (request_write),
    .address_o(request_address),
    .data_o   (request_data),
    .done_i   (request_done),
    .data_i   (answer)
  );

  farrier_pkg::config_t          settings;
  logic                          changed, doorbell, doorbell_ready, snapshot_done, counter_global, csr_bad;
  logic [5:0]                    doorbell_queue, counter_word;
  logic [15:0]                   doorbell_count;
  logic [3:0]                    reset_credits;
  logic [31:0]                   counter;
  farrier_pkg::owner_request_t   owner_request;
  farrier_pkg::owner_response_t  owner_response;
  farrier_pkg::filter_request_t  filter_request;
  farrier_pkg::filter_response_t filter_response;
  logic [farrier_pkg::Blocks-1:0] block_valid;
  farrier_pkg::block_request_t    block_request;
  farrier_pkg::block_response_t [farrier_pkg::Blocks-1:0] block_response;
  farrier_pkg::block_response_t   tx_answer;

  csr #(
    .Functions    (Functions),
    .Queues       (Queues),
    .HoldCells    (HoldCells),
    .TxCells      (TxCells),
    .PacingSlots  (PacingSlots),
    .V4FlowDepth  (V4FlowDepth),
    .V4ListenDepth(V4ListenDepth),
    .V6FlowDepth  (V6FlowDepth),
    .V6ListenDepth(V6ListenDepth)
  ) u_csr (
    .clk_i,
    .rst_ni,
    .time_i,
    .mac_i,
    .link_i,
    .request_i       (request && !clear_q),
    .write_i         (request_write),
    .address_i       (request_address),
    .data_i          (request_data),
    .done_o          (request_done),
    .data_o          (answer),
    .config_o        (settings),
    .changed_o       (changed),
    .doorbell_o      (doorbell),
    .doorbell_ready_i(doorbell_ready),
    .doorbell_queue_o(doorbell_queue),
    .doorbell_count_o(doorbell_count),
    .reset_credits_o (reset_credits),
    .owner_o         (owner_request),
    .owner_i         (owner_response),
    .filter_o        (filter_request),
    .filter_i        (filter_response),
    .block_valid_o   (block_valid),
    .block_o         (block_request),
    .block_i         (block_response),
    .snapshot_done_i (snapshot_done),
    .counter_word_o  (counter_word),
    .counter_global_o(counter_global),
    .counter_i       (counter),
    .bad_o           (csr_bad)
  );

  assign block_response[farrier_pkg::BlockTx] = tx_answer;

  // RX.
  farrier_pkg::owner_t    released_owner;
  logic [31:0]            released;
  farrier_pkg::rx_count_t rx_count;
  farrier_pkg::switched_t switched;
  logic [31:0]            tx_seen;
  logic [farrier_pkg::CellBits:0] parked;
  logic [15:0]            packet_bytes;
  logic                   packet_seen, malformed, oversize, memory_full, rule_drop, bad_header, rx_idle;
  logic [63:0]            rx_wake, tx_wake;
  farrier_pkg::tx_report_t tx_report;
  logic [1:0]             reports_lost;
  farrier_pkg::refused_t  refused;

  rx_path #(
    .Functions    (Functions),
    .Queues       (Queues),
    .HoldCells    (HoldCells),
    .PassCells    (PassCells),
    .V4FlowDepth  (V4FlowDepth),
    .V4ListenDepth(V4ListenDepth),
    .V6FlowDepth  (V6FlowDepth),
    .V6ListenDepth(V6ListenDepth)
  ) u_rx (
    .clk_i,
    .rst_ni,
    .clear_i         (clear_q),
    .clear_index_i   (clear_index_q[15:0]),
    .lookups_ready_o (lookups_ready),
    .time_i,
    .config_i        (settings),
    .changed_i       (changed),
    .owner_i         (owner_request),
    .owner_o         (owner_response),
    .parked_o        (parked),
    .tx_seen_i       (tx_seen),
    .released_owner_o(released_owner),
    .released_i      (released),
    .filter_i        (filter_request),
    .filter_o        (filter_response),
    .block_valid_i   (block_valid),
    .block_i         (block_request),
    .rules_o         (block_response[farrier_pkg::BlockRules]),
    .rss_o           (block_response[farrier_pkg::BlockRss]),
    .heartbeat_o     (block_response[farrier_pkg::BlockHeartbeat]),
    .report_i        (tx_report),
    .reports_lost_o  (reports_lost),
    .doorbell_i      (doorbell),
    .doorbell_queue_i(doorbell_queue),
    .doorbell_count_i(doorbell_count),
    .reset_credits_i (reset_credits),
    .grant_i,
    .grant_queue_i,
    .grant_count_i,
    .grant_ready_o,
    .doorbell_ready_o(doorbell_ready),
    .rx_valid_i      (rx_valid_i && rx_open_q),
    .rx_data_i,
    .rx_keep_i,
    .rx_last_i,
    .rx_size_i,
    .c2h_valid_o,
    .c2h_data_o,
    .c2h_keep_o,
    .c2h_last_o,
    .c2h_size_o,
    .c2h_src_o,
    .c2h_dst_o,
    .c2h_queue_o,
    .c2h_ready_i,
    .switched_o      (switched),
    .count_o         (rx_count),
    .packet_seen_o   (packet_seen),
    .packet_bytes_o  (packet_bytes),
    .malformed_o     (malformed),
    .oversize_o      (oversize),
    .memory_full_o   (memory_full),
    .rule_drop_o     (rule_drop),
    .refused_o       (refused),
    .bad_header_o    (bad_header),
    .idle_o          (rx_idle),
    .wake_o          (rx_wake)
  );

  // TX.
  farrier_pkg::tx_count_t tx_count;
  logic                   tx_bad_prefix, tx_disabled, tx_guard, tx_full, tx_packet, tx_idle;
  logic [15:0]            tx_packet_bytes;

  tx_path #(
    .Functions  (Functions),
    .TxCells    (TxCells),
    .PacingSlots(PacingSlots)
  ) u_tx (
    .clk_i,
    .rst_ni,
    .clear_i         (clear_q),
    .clear_index_i   (clear_index_q[7:0]),
    .time_i,
    .enabled_i       (settings.enabled),
    .raw_i           (settings.raw),
    .guard_i         (settings.guard),
    .access_valid_i  (block_valid[farrier_pkg::BlockTx]),
    .access_i        (block_request),
    .access_o        (tx_answer),
    .switched_i      (switched),
    .seen_owner_i    (owner_request.owner),
    .seen_o          (tx_seen),
    .released_owner_i(released_owner),
    .released_o      (released),
    .report_o        (tx_report),
    .h2c_valid_i,
    .h2c_data_i,
    .h2c_keep_i,
    .h2c_last_i,
    .h2c_size_i,
    .h2c_ready_o,
    .tx_valid_o,
    .tx_data_o,
    .tx_keep_o,
    .tx_last_o,
    .tx_size_o,
    .tx_ready_i,
    .count_o         (tx_count),
    .bad_prefix_o    (tx_bad_prefix),
    .disabled_o      (tx_disabled),
    .guard_o         (tx_guard),
    .full_o          (tx_full),
    .packet_o        (tx_packet),
    .packet_bytes_o  (tx_packet_bytes),
    .idle_o          (tx_idle),
    .wake_o          (tx_wake)
  );

  assign tx_src_o = 16'd0;
  assign tx_dst_o = tx_valid_o ? 16'h0040 : 16'd0;

  // Counters.
  logic [farrier_regs_pkg::GlobalCounters*32-1:0] grown;  // by how much each has grown

  always_comb begin
    grown = '0;
    grown[32*farrier_regs_pkg::GlobalCounterRxPackets+:32] =
        {31'd0, packet_seen} + {31'd0, refused.valid};
    grown[32*farrier_regs_pkg::GlobalCounterRxBytes+:32] =
        (packet_seen ? {16'd0, packet_bytes} : 32'd0) + (refused.valid ? {16'd0, refused.bytes} : 32'd0);
    grown[32*farrier_regs_pkg::GlobalCounterRxMalformed+:32] =
        {31'd0, malformed} + {31'd0, refused.valid && refused.malformed};
    grown[32*farrier_regs_pkg::GlobalCounterRxOversize+:32] =
        {31'd0, oversize} + {31'd0, refused.valid && refused.oversize};
    grown[32*farrier_regs_pkg::GlobalCounterRxMemoryFull+:32] =
        {31'd0, memory_full} + {31'd0, refused.valid && !refused.malformed && !refused.oversize};
    grown[32*farrier_regs_pkg::GlobalCounterRxRuleDrop+:32]   = {31'd0, rule_drop};
    grown[32*farrier_regs_pkg::GlobalCounterRxBadHeader+:32]  = {31'd0, bad_header};
    grown[32*farrier_regs_pkg::GlobalCounterTxPackets+:32]    = {31'd0, tx_packet};
    if (tx_packet) grown[32*farrier_regs_pkg::GlobalCounterTxBytes+:32] = {16'd0, tx_packet_bytes};
    grown[32*farrier_regs_pkg::GlobalCounterTxBadPrefix+:32]  = {31'd0, tx_bad_prefix};
    grown[32*farrier_regs_pkg::GlobalCounterTxDisabled+:32]   = {31'd0, tx_disabled};
    grown[32*farrier_regs_pkg::GlobalCounterTxGuard+:32]      = {31'd0, tx_guard};
    grown[32*farrier_regs_pkg::GlobalCounterTxFull+:32]       = {31'd0, tx_full};
    grown[32*farrier_regs_pkg::GlobalCounterTxReportLost+:32] = {30'd0, reports_lost};
    grown[32*farrier_regs_pkg::GlobalCounterCsrBadAccess+:32] = {31'd0, csr_bad};
  end

  counters u_counters (
    .clk_i,
    .rst_ni,
    .clear_i          (clear_q),
    .clear_owner_i    (clear_index_q[7:0]),
    .rx_i             (rx_count),
    .tx_i             (tx_count),
    .global_i         (grown),
    .snapshot_i       (owner_response.done && owner_request.op == farrier_pkg::OwnerOpSnapshot),
    .snapshot_owner_i (owner_request.owner),
    .snapshot_parked_i(parked),
    .snapshot_done_o  (snapshot_done),
    .word_i           (counter_word),
    .word_global_i    (counter_global),
    .word_o           (counter)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) idle_o <= 1'b0;
    else begin
      idle_o <= !clear_q && !rx_valid_i && rx_idle && tx_idle && !request && !grant_i && !awvalid_i &&
                !wvalid_i && !arvalid_i;
    end
  end

  assign wake_o = (tx_wake < rx_wake) ? tx_wake : rx_wake;

  logic unused;
  assign unused = ^{rx_src_i, rx_dst_i, h2c_src_i, h2c_dst_i};

endmodule
