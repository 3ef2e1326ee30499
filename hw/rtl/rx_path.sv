// RX, from the wire to the functions: ingress (cells) -> parser -> filter -> owner table -> egress; the
// reclaimer takes the cells of what was dropped.
module rx_path #(
  parameter int unsigned Functions = 2,
  parameter int unsigned Queues = 16,
  parameter int unsigned HoldCells = 8192,
  parameter int unsigned PassCells = 1024,       // for packets passing
  parameter int unsigned V4FlowDepth = 2048,
  parameter int unsigned V4ListenDepth = 512,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,         // after reset: tables are cleared, entry by entry
  input  logic [15:0]               clear_index_i,
  output logic                      lookups_ready_o, // set up after reset
  input  logic [63:0]               time_i,          // ns
  // Software.
  input  farrier_pkg::config_t      config_i,
  input  logic                      changed_i,       // a global register was written
  input  farrier_pkg::owner_request_t   owner_i,
  output farrier_pkg::owner_response_t  owner_o,
  output logic [farrier_pkg::CellBits:0] parked_o,   // by owner_i.owner, packets, when it is done
  input  logic [31:0]               tx_seen_i,       // of owner_i.owner
  // OWNER_TX_RELEASED, for prefixes: the answer comes a cycle after the question.
  output farrier_pkg::owner_t       released_owner_o,
  input  logic [31:0]               released_i,
  input  farrier_pkg::filter_request_t  filter_i,
  output farrier_pkg::filter_response_t filter_o,
  input  logic [farrier_pkg::Blocks-1:0] block_valid_i, // RX has all but BlockTx
  input  farrier_pkg::block_request_t   block_i,
  output farrier_pkg::block_response_t  rules_o,
  output farrier_pkg::block_response_t  rss_o,
  output farrier_pkg::block_response_t  heartbeat_o,
  // Departures to be reported; never waits.
  input  farrier_pkg::tx_report_t          report_i,
  output logic [1:0]                    reports_lost_o, // so many were lost
  // Credits: software's doorbell, and the simulation's port.
  input  logic                      doorbell_i,
  input  logic [5:0]                doorbell_queue_i, // 16 f + q
  input  logic [15:0]               doorbell_count_i,
  input  logic [3:0]                reset_credits_i,  // per function
  input  logic                      grant_i,
  input  logic [5:0]                grant_queue_i,
  input  logic [15:0]               grant_count_i,
  output logic                      grant_ready_o,
  output logic                      doorbell_ready_o, // else software waits
  // From the wire; never waits.
  input  logic                      rx_valid_i,
  input  logic [511:0]              rx_data_i,
  input  logic [63:0]               rx_keep_i,
  input  logic                      rx_last_i,
  input  logic [15:0]               rx_size_i,       // with a frame's first beat
  // To the functions, a lane each.
  output logic [Functions-1:0]      c2h_valid_o,
  output logic [Functions*512-1:0]  c2h_data_o,
  output logic [Functions*64-1:0]   c2h_keep_o,
  output logic [Functions-1:0]      c2h_last_o,
  output logic [Functions*16-1:0]   c2h_size_o,
  output logic [Functions*16-1:0]   c2h_src_o,
  output logic [Functions*16-1:0]   c2h_dst_o,
  output logic [Functions*4-1:0]    c2h_queue_o,
  input  logic [Functions-1:0]      c2h_ready_i,
  // To TX, and to the counters.
  output farrier_pkg::switched_t    switched_o,
  output farrier_pkg::rx_count_t    count_o,
  output logic                      packet_seen_o,   // one packet was decided, good or bad
  output logic [15:0]               packet_bytes_o,
  output logic                      malformed_o,
  output logic                      oversize_o,
  output logic                      memory_full_o,
  output logic                      rule_drop_o,
  output farrier_pkg::refused_t     refused_o,
  output logic                      bad_header_o,
  output logic                      idle_o,          // nothing moves before wake_o or an input
  output logic [63:0]               wake_o           // ns; all ones = never
);

  localparam int unsigned CellBits = farrier_pkg::CellBits;
  localparam int unsigned MarkPlaces = 16;
  localparam int unsigned Cells = HoldCells + PassCells;
  localparam int unsigned DecideDepth = 64;
  // A verdict on checksums may come so many cycles after the soonest delivery of a packet that had come.
  localparam int unsigned VerdictCycles =
      (farrier_pkg::LookupCycles < 6) ? 7 - farrier_pkg::LookupCycles : 1;

  if (HoldCells < 1 || PassCells < 64) begin : g_check_cells
    $error("farrier_card: HoldCells must be 1 or more, PassCells 64 or more");
  end
  // So that cells have numbers, and deliveries always fit.
  if (Cells + MarkPlaces > (1 << CellBits)) begin : g_check_bits
    $error("farrier_card: too many cells");
  end
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
  farrier_pkg::lookup_t      lookup;
  logic                      egress_free, reclaim_free, reclaim_free_ready;
  logic [CellBits:0]         cells_free;
  farrier_pkg::arriving_t    arriving;
  farrier_pkg::cell_t        egress_free_cell, reclaim_free_cell;

  packet_memory #(
    .Cells(Cells)
  ) u_memory (
    .clk_i,
    .write_i        (memory_write),
    .write_address_i(memory_write_address),
    .write_data_i   (memory_write_data),
    .read_i         (memory_read),
    .read_address_i (memory_read_address),
    .read_data_o    (memory_read_data)
  );

  ram_1r1w #(
    .Width($bits(link_write_data)),
    .Depth(Cells)
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
    .Depth(Cells)
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
    .Depth(Cells)
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
    .cells_o       (cells_free)
  );

  // RX, up to the owner.
  logic                       parsed_valid, found_valid, front_idle, refuse, pressure, starved;
  farrier_pkg::rx_packet_t    parsed_packet;
  farrier_pkg::found_t        found;
  farrier_pkg::packet_meta_t  parsed_meta, found_meta;
  farrier_pkg::classify_t     parsed_classify;
  logic                       verdict_valid, open;
  farrier_pkg::cell_t         verdict_head, open_head;
  farrier_pkg::checksums_t    verdict, checksums;

  rx_front u_front (
    .clk_i,
    .rst_ni,
    .time_i,
    .pony_low_i     (config_i.pony_low),
    .pony_high_i    (config_i.pony_high),
    .rx_valid_i,
    .rx_data_i,
    .rx_keep_i,
    .rx_last_i,
    .rx_size_i,
    .refuse_i       (refuse),
    .cell_valid_i   (cell_valid),
    .cell_i         (cell_next),
    .cells_i        (cells_free),
    .cell_take_o    (cell_take),
    .write_o        (memory_write),
    .write_address_o(memory_write_address),
    .write_data_o   (memory_write_data),
    .link_write_o   (link_write),
    .link_address_o (link_write_address),
    .link_o         (link_write_data),
    .arriving_o     (arriving),
    .packet_valid_o (parsed_valid),
    .packet_o       (parsed_packet),
    .meta_o         (parsed_meta),
    .classify_o     (parsed_classify),
    .verdict_valid_o(verdict_valid),
    .verdict_head_o (verdict_head),
    .verdict_o      (verdict),
    .open_o         (open),
    .open_head_o    (open_head),
    .idle_o         (front_idle)
  );

  ram_1r1w #(
    .Width($bits(verdict)),
    .Depth(Cells)
  ) u_verdicts (
    .clk_i,
    .write_i(verdict_valid),
    .waddr_i(verdict_head),
    .wdata_i(verdict),
    .read_i (meta_read),
    .raddr_i(meta_address),
    .rdata_o(checksums)
  );

  // Malformed headers are told of, not dropped.
  assign bad_header_o = parsed_valid && parsed_meta.bad_header && !parsed_packet.malformed &&
                        !parsed_packet.oversize;

  // What the parser knows waits for what is looked up.
  logic                  meta_full, meta_valid;
  logic [4:0]            meta_level;
  farrier_pkg::lookup_t  found_lookup;

  fifo #(
    .Width($bits(parsed_meta)),
    .Depth(16),
    .Waits(1'b1)
  ) u_parsed (
    .clk_i,
    .rst_ni,
    .push_i (parsed_valid),
    .data_i (parsed_meta),
    .full_o (meta_full),
    .valid_o(meta_valid),
    .data_o (found_meta),
    .pop_i  (found_valid),
    .level_o(meta_level)
  );

  ram_1r1w #(
    .Width($bits({found_lookup, found_meta})),
    .Depth(Cells)
  ) u_meta (
    .clk_i,
    .write_i(found_valid && found.packet.stored),
    .waddr_i(found.packet.head),
    .wdata_i({found_lookup, found_meta}),
    .read_i (meta_read),
    .raddr_i(meta_address),
    .rdata_o({lookup, meta})
  );

  rx_filter #(
    .V4FlowDepth  (V4FlowDepth),
    .V4ListenDepth(V4ListenDepth),
    .V6FlowDepth  (V6FlowDepth),
    .V6ListenDepth(V6ListenDepth)
  ) u_filter (
    .clk_i,
    .rst_ni,
    .ready_o    (lookups_ready_o),
    .valid_i    (parsed_valid),
    .packet_i   (parsed_packet),
    .classify_i (parsed_classify),
    .valid_o    (found_valid),
    .found_o    (found),
    .lookup_o   (found_lookup),
    .clear_i,
    .clear_index_i,
    .filter_i,
    .filter_o,
    .starved_o  (starved),
    .rules_valid_i(block_valid_i[farrier_pkg::BlockRules]),
    .rss_valid_i(block_valid_i[farrier_pkg::BlockRss]),
    .block_i,
    .rules_o,
    .rss_o
  );

  // What the ingress refused is only counted.
  assign refused_o.valid     = found_valid && found.packet.refused;
  assign refused_o.malformed = found.packet.malformed;
  assign refused_o.oversize  = found.packet.oversize;
  assign refused_o.bytes     = found.packet.size;

  // Packets wait here while the owner table does something else.
  logic                       decide_valid, decide_ready, decide_full;
  farrier_pkg::found_t        decide;
  logic [$clog2(DecideDepth):0] decide_level;

  // Operations wait for a pause of the packets, but not for ever (`pressure`). Packets that come faster than
  // the wire can bring them would then pile up: the ingress refuses some while there is still room
  // for those between it and here.

  assign pressure = decide_level >= 7'd16;
  assign refuse   = decide_level >= 7'd32 || starved;

  fifo #(
    .Width($bits(found)),
    .Depth(DecideDepth)
  ) u_decide (
    .clk_i,
    .rst_ni,
    .push_i (found_valid && !found.packet.refused),
    .data_i (found),
    .full_o (decide_full),
    .valid_o(decide_valid),
    .data_o (decide),
    .pop_i  (decide_valid && decide_ready),
    .level_o(decide_level)
  );

  // Owners.
  logic [63:0]            any, owners_wake, heartbeat_wake;
  logic                   one, two, granted, credit_read, credit_take, credits_busy;
  logic [5:0]             credit_queue;
  logic                   deliver, mark_gone, reclaim_valid, owners_idle;
  logic                   miss_valid, miss_done, report_valid, report_done, report_lost, sent_taken;
  logic [1:0]             miss_func;
  farrier_pkg::owner_t    miss_owner;
  farrier_pkg::tx_report_t   report;
  logic [63:0]            sent_time;
  farrier_pkg::delivery_t delivery;
  farrier_pkg::reclaim_t  reclaim;

  owner_table #(
    .Functions (Functions),
    .Queues    (Queues),
    .HoldCells (HoldCells),
    .MarkPlaces(MarkPlaces)
  ) u_owners (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_index_i        (clear_index_i[7:0]),
    .time_i,
    .default_owner_i      (config_i.default_owner),
    .watchdog_ns_i        (config_i.watchdog_ns),
    .drain_gap_ns_i       (config_i.drain_gap_ns),
    .enabled_i            (config_i.enabled),
    .raw_i                (config_i.raw),
    .wake_i               (changed_i),
    .valid_i              (decide_valid),
    .ready_o              (decide_ready),
    .pressure_i           (pressure),
    .found_i              (decide),
    .op_valid_i           (owner_i.valid),
    .op_i                 (owner_i.op),
    .op_owner_i           (owner_i.owner),
    .op_word_i            (owner_i.word),
    .op_data_i            (owner_i.data),
    .op_tx_seen_i         (tx_seen_i),
    .op_done_o            (owner_o.done),
    .op_data_o            (owner_o.data),
    .op_bad_o             (owner_o.bad),
    .op_parked_o          (parked_o),
    .miss_valid_i         (miss_valid),
    .miss_func_i          (miss_func),
    .miss_owner_i         (miss_owner),
    .miss_done_o          (miss_done),
    .report_valid_i       (report_valid),
    .report_owner_i       (report.owner),
    .report_sequence_i    (report.sequence_number),
    .report_done_o        (report_done),
    .report_lost_o        (report_lost),
    .credit_read_o        (credit_read),
    .credit_queue_o       (credit_queue),
    .one_i                (one),
    .two_i                (two),
    .take_o               (credit_take),
    .any_i                (any),
    .granted_i            (granted),
    .deliver_o            (deliver),
    .delivery_o           (delivery),
    .mark_gone_i          (mark_gone),
    .reclaim_valid_o      (reclaim_valid),
    .reclaim_o            (reclaim),
    .park_write_o         (park_write),
    .park_address_o       (park_address),
    .park_link_o          (park_link),
    .switched_o           (switched_o.valid),
    .switched_owner_o     (switched_o.owner),
    .switched_state_o     (switched_o.state),
    .switched_generation_o(switched_o.generation),
    .count_valid_o        (count_o.valid),
    .count_owner_o        (count_o.owner),
    .count_o              (count_o.count),
    .count_amount_o       (count_o.amount),
    .packet_seen_o,
    .packet_bytes_o,
    .malformed_o,
    .oversize_o,
    .memory_full_o,
    .rule_drop_o,
    .idle_o               (owners_idle),
    .wake_o               (owners_wake)
  );

  credits u_credits (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_queue_i   (clear_index_i[5:0]),
    .read_i          (credit_read),
    .queue_i         (credit_queue),
    .one_o           (one),
    .two_o           (two),
    .take_i          (credit_take),
    .any_o           (any),
    .doorbell_i,
    .doorbell_queue_i,
    .doorbell_count_i,
    .grant_i,
    .grant_queue_i,
    .grant_count_i,
    .ready_o         (doorbell_ready_o),
    .granted_o       (granted),
    .reset_i         (reset_credits_i),
    .busy_o          (credits_busy)
  );

  assign grant_ready_o = doorbell_ready_o && !doorbell_i;

  heartbeat #(
    .Functions(Functions)
  ) u_heartbeat (
    .clk_i,
    .rst_ni,
    .time_i,
    .block_valid_i(block_valid_i[farrier_pkg::BlockHeartbeat]),
    .block_i,
    .block_o      (heartbeat_o),
    .miss_valid_o (miss_valid),
    .miss_func_o  (miss_func),
    .miss_owner_o (miss_owner),
    .miss_done_i  (miss_done),
    .wake_o       (heartbeat_wake)
  );

  assign wake_o = (heartbeat_wake < owners_wake) ? heartbeat_wake : owners_wake;

  // Departure reports that wait for the owner table, and the times of those on their way to a function,
  // which are fewer than MarkPlaces.
  localparam int unsigned ReportDepth = 16;

  logic                         reports_full, times_full, time_valid;
  logic [$clog2(ReportDepth):0] reports_level;
  logic [$clog2(MarkPlaces):0]  times_level;

  fifo #(
    .Width($bits(report)),
    .Depth(ReportDepth)
  ) u_reports (
    .clk_i,
    .rst_ni,
    .push_i (report_i.valid && !reports_full),
    .data_i (report_i),
    .full_o (reports_full),
    .valid_o(report_valid),
    .data_o (report),
    .pop_i  (report_done),
    .level_o(reports_level)
  );

  fifo #(
    .Width(64),
    .Depth(MarkPlaces)
  ) u_sent_times (
    .clk_i,
    .rst_ni,
    .push_i (report_done && !report_lost),
    .data_i (report.departed),
    .full_o (times_full),
    .valid_o(time_valid),
    .data_o (sent_time),
    .pop_i  (sent_taken),
    .level_o(times_level)
  );

  assign reports_lost_o = {1'b0, report_i.valid && reports_full} + {1'b0, report_lost};

  logic reclaimer_idle;

  cell_reclaimer u_reclaimer (
    .clk_i,
    .rst_ni,
    .push_i          (reclaim_valid),
    .reclaim_i       (reclaim),
    .idle_o          (reclaimer_idle),
    .arriving_i      (arriving),
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
  logic                   egress_valid, egress_ready, egress_idle, deliveries_full;
  farrier_pkg::delivery_t egress_delivery;
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

  // Whether the oldest was queued too lately to ask for its verdict.
  logic [VerdictCycles-1:0] lately_q;
  logic [CellBits:0]        young;

  always_comb begin
    young = '0;
    for (int i = 0; i < VerdictCycles; i++) young = young + {{CellBits{1'b0}}, lately_q[i]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) lately_q <= '0;
    else lately_q <= VerdictCycles'({lately_q, deliver});
  end

  rx_egress #(
    .Functions(Functions)
  ) u_rx_egress (
    .clk_i,
    .rst_ni,
    .time_i,
    .valid_i          (egress_valid),
    .delivery_i       (egress_delivery),
    .ready_o          (egress_ready),
    .young_i          (deliveries_level <= young),
    .arriving_i       (arriving),
    .open_i           (open),
    .open_head_i      (open_head),
    .meta_read_o      (meta_read),
    .meta_address_o   (meta_address),
    .meta_i           (meta),
    .lookup_i         (lookup),
    .checksums_i      (checksums),
    .released_owner_o,
    .released_i,
    .sent_time_i      (sent_time),
    .sent_taken_o     (sent_taken),
    .link_read_o      (egress_link_read),
    .link_address_o   (egress_link_address),
    .link_i           (egress_link),
    .read_o           (memory_read),
    .read_address_o   (memory_read_address),
    .read_data_i      (memory_read_data),
    .free_o           (egress_free),
    .free_cell_o      (egress_free_cell),
    .delivered_o      (count_o.delivered),
    .delivered_owner_o(count_o.delivered_owner),
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

  // Whether anything moves.
  localparam int unsigned RecentCycles = 16 + farrier_pkg::LookupCycles;  // from the wire to the owner table
  logic [4:0] recent_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) recent_q <= '0;
    else if (rx_valid_i || !front_idle) recent_q <= 5'(RecentCycles);
    else if (recent_q != 5'd0) recent_q <= recent_q - 5'd1;
  end

  assign idle_o = !rx_valid_i && front_idle && recent_q == 5'd0 && !decide_valid && owners_idle &&
                  !credits_busy && reclaimer_idle && egress_idle && !report_i.valid;

  logic unused;
  assign unused = ^{park_link.cells, park_link.entry, config_i.guard, meta_full, meta_valid, meta_level,
                    block_valid_i, decide_full, deliveries_full, report.valid, reports_level, times_full,
                    time_valid, times_level};

endmodule
