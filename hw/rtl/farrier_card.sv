// The card: what a plugin puts into OpenNIC's 250 MHz box, in that box's shape: flat vectors with a lane
// per function (C2H, H2C) or MAC (RX, TX; here one), and AXI-Lite. One clock.
//
//   RX: ingress (cells) -> parser -> filter -> owner table -> egress -> C2H     reclaimer: dropped cells
//   TX: H2C -> merge -> check -> egress                                         csr: AXI-Lite
//
// Not yet here, with their place: ternary rules beside the exact filters (rx_filter), the RSS hash
// between parser and owner table, checksum verdicts beside the parser and insertion after the TX check,
// TX guard and pacer between TX check and egress. Their capability bits are 0.
module farrier_card #(
  parameter int unsigned Functions = 2,          // 1-4
  parameter int unsigned Queues = 16,            // per function, 1-16
  parameter int unsigned HoldCells = 3072,       // for parked packets; the rest is for those passing
  parameter int unsigned V4FlowDepth = 2048,     // filters per way, powers of two
  parameter int unsigned V4ListenDepth = 2048,
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
  input  logic [15:0]               rx_size_i,       // not used: lengths come from tkeep
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
  input  logic [Functions*16-1:0]   h2c_size_i,      // not used: lengths come from tkeep
  input  logic [Functions*16-1:0]   h2c_src_i,       // not used: the lane tells
  input  logic [Functions*16-1:0]   h2c_dst_i,       // not used
  output logic [Functions-1:0]      h2c_ready_o,
  // Credits beside the doorbell: for simulation, where they come from the avail rings. Tie to 0.
  input  logic                      grant_i,
  input  logic [5:0]                grant_queue_i,   // 16 f + q
  input  logic [15:0]               grant_count_i,
  output logic                      grant_ready_o,
  // For whoever runs the clock; leave open on the FPGA.
  output logic                      idle_o,          // nothing moves before wake_o or an input
  output logic [63:0]               wake_o           // ns; all ones = never
);

  localparam int unsigned CellBits = farrier_pkg::CellBits;
  localparam int unsigned MarkPlaces = 16;
  localparam int unsigned Cells = (1 << CellBits) - MarkPlaces;  // so that deliveries always fit
  localparam int unsigned TxStoreBeats = 512;
  localparam int unsigned TxBits = $clog2(TxStoreBeats);
  localparam int unsigned DecideDepth = 64;

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
  if (HoldCells < 1 || HoldCells + 64 > Cells) begin : g_check_cells
    $error("farrier_card: HoldCells must leave 64 cells for packets passing");
  end

  // After reset the tables are cleared, entry by entry.
  logic        clear_q, rx_open_q, rx_inside_q;
  logic [16:0] clear_index_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clear_q       <= 1'b1;
      clear_index_q <= '0;
      rx_open_q     <= 1'b0;
      rx_inside_q   <= 1'b0;
    end else begin
      if (clear_q) begin
        clear_index_q <= clear_index_q + 17'd1;
        if (clear_index_q == 17'(ClearCount - 1)) clear_q <= 1'b0;
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

  farrier_pkg::owner_t    default_owner;
  logic [41:0]            watchdog_ns;
  logic [31:0]            drain_gap_ns;
  logic [3:0]             enabled, raw;
  logic                   changed;
  logic                   doorbell;
  logic [5:0]             doorbell_queue;
  logic [15:0]            doorbell_count;
  logic [3:0]             reset_credits;
  logic                   op_valid, op_done, op_bad;
  farrier_pkg::owner_op_e op;
  farrier_pkg::owner_t    op_owner;
  logic [2:0]             op_word;
  logic [31:0]            op_data, op_answer;
  logic                   filter_commit, filter_read, filter_done, filter_valid, filter_answer_valid;
  logic [1:0]             filter_table, filter_way;
  logic [15:0]            filter_index;
  logic [7:0]             filter_owner, filter_answer_owner;
  logic [319:0]           filter_key, filter_answer_key;
  logic                   snapshot_done, counter_global, csr_bad;
  logic [5:0]             counter_word;
  logic [31:0]            counter;

  csr #(
    .Functions    (Functions),
    .Queues       (Queues),
    .HoldCells    (HoldCells),
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
    .default_owner_o (default_owner),
    .watchdog_ns_o   (watchdog_ns),
    .drain_gap_ns_o  (drain_gap_ns),
    .enabled_o       (enabled),
    .raw_o           (raw),
    .changed_o       (changed),
    .doorbell_o      (doorbell),
    .doorbell_queue_o(doorbell_queue),
    .doorbell_count_o(doorbell_count),
    .reset_credits_o (reset_credits),
    .op_valid_o      (op_valid),
    .op_o            (op),
    .op_owner_o      (op_owner),
    .op_word_o       (op_word),
    .op_data_o       (op_data),
    .op_done_i       (op_done),
    .op_data_i       (op_answer),
    .op_bad_i        (op_bad),
    .filter_commit_o (filter_commit),
    .filter_read_o   (filter_read),
    .filter_table_o  (filter_table),
    .filter_way_o    (filter_way),
    .filter_index_o  (filter_index),
    .filter_valid_o  (filter_valid),
    .filter_owner_o  (filter_owner),
    .filter_key_o    (filter_key),
    .filter_done_i   (filter_done),
    .filter_valid_i  (filter_answer_valid),
    .filter_owner_i  (filter_answer_owner),
    .filter_key_i    (filter_answer_key),
    .snapshot_done_i (snapshot_done),
    .counter_word_o  (counter_word),
    .counter_global_o(counter_global),
    .counter_i       (counter),
    .bad_o           (csr_bad)
  );

  // Packet memory, its links, and what is known of each packet. Who follows a link of cells or of
  // parked packets has a copy of them.
  logic                      cell_valid, cell_take;
  farrier_pkg::cell_t        cell_next;
  logic                      memory_write, memory_read;
  logic [CellBits+2:0]       memory_write_address, memory_read_address;
  logic [511:0]              memory_write_data, memory_read_data;
  logic                      link_write, egress_link_read, reclaim_link_read;
  farrier_pkg::cell_t        link_write_address, egress_link_address, reclaim_link_address;
  farrier_pkg::cell_link_t   link_write_data, egress_link, reclaim_link;
  logic                      park_write, reclaim_packet_read;
  farrier_pkg::cell_t        park_address, reclaim_packet_address, reclaim_packet;
  farrier_pkg::packet_link_t park_link;
  logic                      meta_read;
  farrier_pkg::cell_t        meta_address;
  farrier_pkg::packet_meta_t meta;
  logic                      egress_free, reclaim_free, reclaim_free_ready, all_free;
  farrier_pkg::cell_t        egress_free_cell, reclaim_free_cell;

  ram_1r1w #(
    .Width(512),
    .Depth(8 << CellBits)
  ) u_memory (
    .clk_i,
    .write_i(memory_write),
    .waddr_i(memory_write_address),
    .wdata_i(memory_write_data),
    .read_i (memory_read),
    .raddr_i(memory_read_address),
    .rdata_o(memory_read_data)
  );

  ram_1r1w #(
    .Width($bits(link_write_data)),
    .Depth(1 << CellBits)
  ) u_links_egress (
    .clk_i,
    .write_i(link_write),
    .waddr_i(link_write_address),
    .wdata_i(link_write_data),
    .read_i (egress_link_read),
    .raddr_i(egress_link_address),
    .rdata_o(egress_link)
  );

  ram_1r1w #(
    .Width($bits(link_write_data)),
    .Depth(1 << CellBits)
  ) u_links_reclaimer (
    .clk_i,
    .write_i(link_write),
    .waddr_i(link_write_address),
    .wdata_i(link_write_data),
    .read_i (reclaim_link_read),
    .raddr_i(reclaim_link_address),
    .rdata_o(reclaim_link)
  );

  ram_1r1w #(
    .Width(CellBits),
    .Depth(1 << CellBits)
  ) u_parked_reclaimer (
    .clk_i,
    .write_i(park_write),
    .waddr_i(park_address),
    .wdata_i(park_link.head),
    .read_i (reclaim_packet_read),
    .raddr_i(reclaim_packet_address),
    .rdata_o(reclaim_packet)
  );

  cell_allocator #(
    .Cells(Cells)
  ) u_allocator (
    .clk_i,
    .rst_ni,
    .valid_o       (cell_valid),
    .cell_o        (cell_next),
    .take_i        (cell_take),
    .free_a_i      (egress_free),
    .free_a_cell_i (egress_free_cell),
    .free_b_i      (reclaim_free),
    .free_b_cell_i (reclaim_free_cell),
    .free_b_ready_o(reclaim_free_ready),
    .all_free_o    (all_free)
  );

  // RX, up to the owner.
  logic                       ingress_valid, parsed_valid, found_valid, found_hit;
  farrier_pkg::rx_packet_t    ingress_packet, parsed_packet, found_packet;
  logic [63:0]                ingress_arrival;
  logic [1023:0]              ingress_header;
  farrier_pkg::packet_meta_t  parsed_meta;
  farrier_pkg::filter_query_t parsed_query;
  farrier_pkg::owner_t        found_owner;

  rx_ingress u_ingress (
    .clk_i,
    .rst_ni,
    .time_i,
    .rx_valid_i     (rx_valid_i && rx_open_q),
    .rx_data_i,
    .rx_keep_i,
    .rx_last_i,
    .cell_valid_i   (cell_valid),
    .cell_i         (cell_next),
    .cell_take_o    (cell_take),
    .write_o        (memory_write),
    .write_address_o(memory_write_address),
    .write_data_o   (memory_write_data),
    .link_write_o   (link_write),
    .link_address_o (link_write_address),
    .link_o         (link_write_data),
    .packet_valid_o (ingress_valid),
    .packet_o       (ingress_packet),
    .arrival_o      (ingress_arrival),
    .header_o       (ingress_header)
  );

  rx_parser u_parser (
    .clk_i,
    .rst_ni,
    .valid_i  (ingress_valid),
    .packet_i (ingress_packet),
    .arrival_i(ingress_arrival),
    .header_i (ingress_header),
    .valid_o  (parsed_valid),
    .packet_o (parsed_packet),
    .meta_o   (parsed_meta),
    .query_o  (parsed_query)
  );

  ram_1r1w #(
    .Width($bits(parsed_meta)),
    .Depth(1 << CellBits)
  ) u_meta (
    .clk_i,
    .write_i(parsed_valid && parsed_packet.stored),
    .waddr_i(parsed_packet.head),
    .wdata_i(parsed_meta),
    .read_i (meta_read),
    .raddr_i(meta_address),
    .rdata_o(meta)
  );

  rx_filter #(
    .V4FlowDepth  (V4FlowDepth),
    .V4ListenDepth(V4ListenDepth),
    .V6FlowDepth  (V6FlowDepth),
    .V6ListenDepth(V6ListenDepth)
  ) u_filter (
    .clk_i,
    .rst_ni,
    .valid_i        (parsed_valid),
    .packet_i       (parsed_packet),
    .query_i        (parsed_query),
    .valid_o        (found_valid),
    .packet_o       (found_packet),
    .hit_o          (found_hit),
    .owner_o        (found_owner),
    .clear_i        (clear_q),
    .clear_index_i  (clear_index_q[15:0]),
    .commit_i       (filter_commit),
    .read_i         (filter_read),
    .command_table_i(filter_table),
    .command_way_i  (filter_way),
    .command_index_i(filter_index),
    .command_valid_i(filter_valid),
    .command_owner_i(filter_owner),
    .command_key_i  (filter_key),
    .read_done_o    (filter_done),
    .read_valid_o   (filter_answer_valid),
    .read_owner_o   (filter_answer_owner),
    .read_key_o     (filter_answer_key)
  );

  // Packets wait here while the owner table does something else.
  logic                       decide_valid, decide_ready, decide_hit, decide_full;
  farrier_pkg::rx_packet_t    decide_packet;
  farrier_pkg::owner_t        decide_owner;
  logic [$clog2(DecideDepth):0] decide_level;

  fifo #(
    .Width($bits(found_packet) + farrier_pkg::OwnerBits + 1),
    .Depth(DecideDepth)
  ) u_decide (
    .clk_i,
    .rst_ni,
    .push_i (found_valid),
    .data_i ({found_hit, found_owner, found_packet}),
    .full_o (decide_full),
    .valid_o(decide_valid),
    .data_o ({decide_hit, decide_owner, decide_packet}),
    .pop_i  (decide_valid && decide_ready),
    .level_o(decide_level)
  );

  // Owners.
  logic [63:0]                            one, two;
  logic                                   granted, credit_take;
  logic [5:0]                             credit_queue;
  logic                                   deliver, mark_gone, reclaim_valid, switched;
  farrier_pkg::delivery_t                 delivery;
  farrier_pkg::reclaim_t                  reclaim;
  farrier_pkg::owner_t                    switched_owner, count_owner;
  logic [1:0]                             switched_state;
  logic [11:0]                            switched_generation;
  logic                                   count_valid, packet_seen, malformed, oversize, memory_full;
  logic [farrier_pkg::RxCounters-1:0]     count;
  logic [CellBits:0]                      count_amount, op_parked;
  logic [15:0]                            packet_bytes;
  logic [31:0]                            tx_seen;
  logic                                   owners_idle;

  owner_table #(
    .Functions (Functions),
    .Queues    (Queues),
    .HoldCells (HoldCells),
    .MarkPlaces(MarkPlaces)
  ) u_owners (
    .clk_i,
    .rst_ni,
    .clear_i              (clear_q),
    .clear_index_i        (clear_index_q[7:0]),
    .time_i,
    .default_owner_i      (default_owner),
    .watchdog_ns_i        (watchdog_ns),
    .drain_gap_ns_i       (drain_gap_ns),
    .enabled_i            (enabled),
    .raw_i                (raw),
    .wake_i               (changed),
    .valid_i              (decide_valid),
    .ready_o              (decide_ready),
    .pressure_i           (decide_level >= 7'd16),
    .crowded_i            (decide_level >= 7'd40),
    .packet_i             (decide_packet),
    .hit_i                (decide_hit),
    .owner_i              (decide_owner),
    .op_valid_i           (op_valid),
    .op_i                 (op),
    .op_owner_i           (op_owner),
    .op_word_i            (op_word),
    .op_data_i            (op_data),
    .op_tx_seen_i         (tx_seen),
    .op_done_o            (op_done),
    .op_data_o            (op_answer),
    .op_bad_o             (op_bad),
    .op_parked_o          (op_parked),
    .one_i                (one),
    .two_i                (two),
    .granted_i            (granted),
    .take_o               (credit_take),
    .take_queue_o         (credit_queue),
    .deliver_o            (deliver),
    .delivery_o           (delivery),
    .mark_gone_i          (mark_gone),
    .reclaim_valid_o      (reclaim_valid),
    .reclaim_o            (reclaim),
    .park_write_o         (park_write),
    .park_address_o       (park_address),
    .park_link_o          (park_link),
    .switched_o           (switched),
    .switched_owner_o     (switched_owner),
    .switched_state_o     (switched_state),
    .switched_generation_o(switched_generation),
    .count_valid_o        (count_valid),
    .count_owner_o        (count_owner),
    .count_o              (count),
    .count_amount_o       (count_amount),
    .packet_seen_o        (packet_seen),
    .packet_bytes_o       (packet_bytes),
    .malformed_o          (malformed),
    .oversize_o           (oversize),
    .memory_full_o        (memory_full),
    .idle_o               (owners_idle),
    .wake_o
  );

  credits u_credits (
    .clk_i,
    .rst_ni,
    .take_i          (credit_take),
    .take_queue_i    (credit_queue),
    .doorbell_i      (doorbell),
    .doorbell_queue_i(doorbell_queue),
    .doorbell_count_i(doorbell_count),
    .grant_i,
    .grant_queue_i,
    .grant_count_i,
    .grant_ready_o,
    .reset_i         (reset_credits),
    .granted_o       (granted),
    .one_o           (one),
    .two_o           (two)
  );

  logic reclaimer_idle;

  cell_reclaimer u_reclaimer (
    .clk_i,
    .rst_ni,
    .push_i          (reclaim_valid),
    .reclaim_i       (reclaim),
    .idle_o          (reclaimer_idle),
    .link_read_o     (reclaim_link_read),
    .link_address_o  (reclaim_link_address),
    .link_i          (reclaim_link),
    .packet_read_o   (reclaim_packet_read),
    .packet_address_o(reclaim_packet_address),
    .packet_i        (reclaim_packet),
    .free_o          (reclaim_free),
    .free_cell_o     (reclaim_free_cell),
    .free_ready_i    (reclaim_free_ready)
  );

  // Decided packets, in order. Each has a cell of its own and MARKs have places beside them, so
  // that this cannot overflow.
  logic                   egress_valid, egress_ready, egress_idle, delivered, deliveries_full;
  farrier_pkg::delivery_t egress_delivery;
  farrier_pkg::owner_t    delivered_owner;
  logic [CellBits:0]      deliveries_level;

  fifo #(
    .Width($bits(delivery)),
    .Depth(1 << CellBits)
  ) u_deliveries (
    .clk_i,
    .rst_ni,
    .push_i (deliver),
    .data_i (delivery),
    .full_o (deliveries_full),
    .valid_o(egress_valid),
    .data_o (egress_delivery),
    .pop_i  (egress_valid && egress_ready),
    .level_o(deliveries_level)
  );

  rx_egress #(
    .Functions(Functions)
  ) u_rx_egress (
    .clk_i,
    .rst_ni,
    .time_i,
    .valid_i          (egress_valid),
    .delivery_i       (egress_delivery),
    .ready_o          (egress_ready),
    .meta_read_o      (meta_read),
    .meta_address_o   (meta_address),
    .meta_i           (meta),
    .link_read_o      (egress_link_read),
    .link_address_o   (egress_link_address),
    .link_i           (egress_link),
    .read_o           (memory_read),
    .read_address_o   (memory_read_address),
    .read_data_i      (memory_read_data),
    .free_o           (egress_free),
    .free_cell_o      (egress_free_cell),
    .delivered_o      (delivered),
    .delivered_owner_o(delivered_owner),
    .mark_gone_o      (mark_gone),
    .idle_o           (egress_idle),
    .c2h_valid_o,
    .c2h_data_o,
    .c2h_keep_o,
    .c2h_last_o,
    .c2h_size_o,
    .c2h_src_o,
    .c2h_dst_o,
    .c2h_queue_o,
    .c2h_ready_i
  );

  // TX.
  logic                merged_valid, merged_last, merged_ready;
  logic [511:0]        merged_data, tx_read_data;
  logic [6:0]          merged_bytes;
  logic [1:0]          merged_func;
  logic                tx_sent, tx_stale, tx_bad_prefix, tx_disabled, tx_packet;
  farrier_pkg::owner_t tx_count_owner;
  logic [15:0]         tx_packet_bytes;
  logic                verdict, verdict_drop, verdict_ready, tx_read, check_idle, tx_idle;
  logic [15:0]         verdict_size;
  logic [7:0]          verdict_beats;
  logic [TxBits-1:0]   tx_read_address;

  tx_merge #(
    .Functions(Functions)
  ) u_tx_merge (
    .clk_i,
    .rst_ni,
    .h2c_valid_i,
    .h2c_data_i,
    .h2c_keep_i,
    .h2c_last_i,
    .h2c_ready_o,
    .valid_o(merged_valid),
    .data_o (merged_data),
    .bytes_o(merged_bytes),
    .last_o (merged_last),
    .func_o (merged_func),
    .ready_i(merged_ready)
  );

  tx_check #(
    .StoreBeats(TxStoreBeats)
  ) u_tx_check (
    .clk_i,
    .rst_ni,
    .clear_i             (clear_q),
    .clear_owner_i       (clear_index_q[7:0]),
    .enabled_i           (enabled),
    .raw_i               (raw),
    .valid_i             (merged_valid),
    .data_i              (merged_data),
    .bytes_i             (merged_bytes),
    .last_i              (merged_last),
    .func_i              (merged_func),
    .ready_o             (merged_ready),
    .switched_i          (switched),
    .switched_owner_i    (switched_owner),
    .switched_state_i    (switched_state),
    .switched_generation_i(switched_generation),
    .seen_owner_i        (op_owner),
    .seen_o              (tx_seen),
    .sent_o              (tx_sent),
    .stale_o             (tx_stale),
    .count_owner_o       (tx_count_owner),
    .bad_prefix_o        (tx_bad_prefix),
    .disabled_o          (tx_disabled),
    .read_i              (tx_read),
    .read_address_i      (tx_read_address),
    .read_data_o         (tx_read_data),
    .verdict_o           (verdict),
    .verdict_drop_o      (verdict_drop),
    .verdict_size_o      (verdict_size),
    .verdict_beats_o     (verdict_beats),
    .verdict_ready_i     (verdict_ready),
    .idle_o              (check_idle)
  );

  // Here: TX guard, checksum insertion, classes, pacer.

  tx_egress #(
    .StoreBeats(TxStoreBeats)
  ) u_tx_egress (
    .clk_i,
    .rst_ni,
    .verdict_i      (verdict),
    .verdict_drop_i (verdict_drop),
    .verdict_size_i (verdict_size),
    .verdict_beats_i(verdict_beats),
    .verdict_ready_o(verdict_ready),
    .read_o         (tx_read),
    .read_address_o (tx_read_address),
    .read_data_i    (tx_read_data),
    .tx_valid_o,
    .tx_data_o,
    .tx_keep_o,
    .tx_last_o,
    .tx_size_o,
    .tx_ready_i,
    .sent_o         (tx_packet),
    .sent_bytes_o   (tx_packet_bytes),
    .idle_o         (tx_idle)
  );

  assign tx_src_o = 16'd0;
  assign tx_dst_o = tx_valid_o ? 16'h0040 : 16'd0;

  counters u_counters (
    .clk_i,
    .rst_ni,
    .clear_i          (clear_q),
    .clear_owner_i    (clear_index_q[7:0]),
    .rx_valid_i       (count_valid),
    .rx_owner_i       (count_owner),
    .rx_count_i       (count),
    .rx_amount_i      (count_amount),
    .delivered_i      (delivered),
    .delivered_owner_i(delivered_owner),
    .tx_sent_i        (tx_sent),
    .tx_stale_i       (tx_stale),
    .tx_owner_i       (tx_count_owner),
    .packet_seen_i    (packet_seen),
    .packet_bytes_i   (packet_bytes),
    .malformed_i      (malformed),
    .oversize_i       (oversize),
    .memory_full_i    (memory_full),
    .tx_packet_i      (tx_packet),
    .tx_bytes_i       (tx_packet_bytes),
    .tx_bad_prefix_i  (tx_bad_prefix),
    .tx_disabled_i    (tx_disabled),
    .csr_bad_i        (csr_bad),
    .snapshot_i       (op_done && op == farrier_pkg::OwnerOpSnapshot),
    .snapshot_owner_i (op_owner),
    .snapshot_parked_i(op_parked),
    .snapshot_done_o  (snapshot_done),
    .word_i           (counter_word),
    .word_global_i    (counter_global),
    .word_o           (counter)
  );

  // Whether anything moves.
  logic [6:0] recent_q;  // a frame may be between the wire and the owner table

  always_ff @(posedge clk_i) begin
    if (!rst_ni) recent_q <= '0;
    else recent_q <= {recent_q[5:0], rx_valid_i};
  end

  assign idle_o = !clear_q && !rx_valid_i && recent_q == '0 && !decide_valid && owners_idle &&
                  reclaimer_idle && egress_idle && check_idle && tx_idle && !request;

  logic unused;
  assign unused = ^{park_link.cells, rx_size_i, rx_src_i, rx_dst_i, h2c_size_i, h2c_src_i, h2c_dst_i, all_free,
                    decide_full, deliveries_full, deliveries_level};

endmodule
