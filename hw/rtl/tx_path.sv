// TX, from the functions to the wire: merge -> ingress (cells) -> decide -> calendar or class -> egress; beside
// them inspect (guard, checksums), and the reclaimer, which takes the cells of what was dropped. Nothing here
// ever stops the functions' stream: what finds no room is dropped.
module tx_path #(
  parameter int unsigned Functions = 2,
  parameter int unsigned TxCells = 4096,     // of TX memory
  parameter int unsigned PacingSlots = 4096  // of the departure calendar
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,         // after reset: tables are cleared, entry by entry
  input  logic [7:0]                clear_index_i,
  input  logic [63:0]               time_i,          // ns
  // Software.
  input  logic [3:0]                enabled_i,       // per function
  input  logic [3:0]                raw_i,           // per function
  input  logic [3:0]                guard_i,         // per function
  input  logic                      access_valid_i,  // held until done
  input  farrier_pkg::block_request_t  access_i,
  output farrier_pkg::block_response_t access_o,
  // The owner table.
  input  farrier_pkg::switched_t    switched_i,      // news of a row
  input  farrier_pkg::owner_t       seen_owner_i,
  output logic [31:0]               seen_o,          // TX_SEEN of it, in the cycle after
  input  farrier_pkg::owner_t       released_owner_i,
  output logic [31:0]               released_o,      // OWNER_TX_RELEASED of it, in the cycle after
  output farrier_pkg::tx_report_t report_o,       // a departure to be told to the host
  // From the functions, a lane each.
  input  logic [Functions-1:0]      h2c_valid_i,
  input  logic [Functions*512-1:0]  h2c_data_i,
  input  logic [Functions*64-1:0]   h2c_keep_i,
  input  logic [Functions-1:0]      h2c_last_i,
  input  logic [Functions*16-1:0]   h2c_size_i,
  output logic [Functions-1:0]      h2c_ready_o,
  // To the wire.
  output logic                      tx_valid_o,
  output logic [511:0]              tx_data_o,
  output logic [63:0]               tx_keep_o,
  output logic                      tx_last_o,
  output logic [15:0]               tx_size_o,
  input  logic                      tx_ready_i,
  // Counting.
  output farrier_pkg::tx_count_t    count_o,
  output logic                      bad_prefix_o,
  output logic                      disabled_o,
  output logic                      guard_o,
  output logic                      full_o,
  output logic                      packet_o,        // onto the wire
  output logic [15:0]               packet_bytes_o,
  output logic                      idle_o,          // nothing moves before wake_o or an input
  output logic [63:0]               wake_o           // ns; all ones = never
);

  localparam int unsigned CellBits = farrier_pkg::TxCellBits;
  localparam int unsigned WideBits = farrier_pkg::CellBits;  // of the allocator's numbers
  localparam int unsigned WaitDepth = 32;     // packets that wait for the decision
  localparam int unsigned VerdictDepth = 8;
  localparam int unsigned SlotShift = $clog2(farrier_regs_pkg::SlotNs);

  if (TxCells < 32 || TxCells > (1 << CellBits)) begin : g_check_cells
    $error("farrier_card: TxCells must be 32 to 4096");
  end

  // TX memory, its links, and what egress needs of each packet. Who follows links has a copy of them.
  logic                       cell_valid, cell_take;
  logic [WideBits:0]          cells_free;
  farrier_pkg::tx_cell_t      cell_next;
  logic                       memory_write, memory_read;
  logic [CellBits+2:0]        memory_write_address, memory_read_address;
  logic [511:0]               memory_write_data, memory_read_data;
  logic                       link_write, egress_link_read, reclaim_link_read;
  farrier_pkg::tx_cell_t      link_write_address, egress_link_address;
  farrier_pkg::tx_link_t      link_write_data, egress_link, reclaim_link;
  farrier_pkg::cell_link_t    reclaim_link_wide;
  logic                       meta_read;
  farrier_pkg::tx_cell_t      meta_address;
  farrier_pkg::tx_meta_t   meta_write_data, meta;
  logic                       egress_free, reclaim_free, reclaim_free_ready;
  farrier_pkg::tx_cell_t      egress_free_cell;
  farrier_pkg::cell_t         allocated, reclaim_link_address, reclaim_free_cell;

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
    .raddr_i(reclaim_link_address[CellBits-1:0]),
    .rdata_o(reclaim_link)
  );

  cell_allocator #(
    .Cells(TxCells)
  ) u_allocator (
    .clk_i,
    .rst_ni,
    .valid_o       (cell_valid),
    .cell_o        (allocated),
    .take_i        (cell_take),
    .free_a_i      (egress_free),
    .free_a_cell_i (WideBits'(egress_free_cell)),
    .free_b_i      (reclaim_free),
    .free_b_cell_i (reclaim_free_cell),
    .free_b_ready_o(reclaim_free_ready),
    .cells_o       (cells_free)
  );

  assign cell_next              = allocated[CellBits-1:0];
  assign reclaim_link_wide.last = reclaim_link.last;
  assign reclaim_link_wide.next = WideBits'(reclaim_link.next);

  // Software.
  logic [23:0]                  function_class;
  logic [127:0]                 function_quota;
  farrier_pkg::tx_access_t   owner_access, class_access;
  farrier_pkg::block_response_t owner_answer, class_answer, guard_answer;
  logic                         guard_access;

  tx_csr u_csr (
    .clk_i,
    .rst_ni,
    .valid_i       (access_valid_i),
    .request_i     (access_i),
    .response_o    (access_o),
    .class_o       (function_class),
    .quota_o       (function_quota),
    .owner_o       (owner_access),
    .owner_i       (owner_answer),
    .class_access_o(class_access),
    .class_access_i(class_answer),
    .guard_valid_o (guard_access),
    .guard_i       (guard_answer)
  );

  // From the functions into memory.
  logic                       merged_valid, merged_last, merged_ready;
  logic [511:0]               merged_data;
  logic [63:0]                merged_keep;
  logic [1:0]                 merged_func;
  logic [15:0]                merged_size;
  logic                       ingress_valid, ingress_idle;
  farrier_pkg::tx_packet_t ingress_packet;

  tx_merge #(
    .Functions(Functions)
  ) u_tx_merge (
    .clk_i,
    .rst_ni,
    .h2c_valid_i,
    .h2c_data_i,
    .h2c_keep_i,
    .h2c_last_i,
    .h2c_size_i,
    .h2c_ready_o,
    .valid_o(merged_valid),
    .data_o (merged_data),
    .keep_o (merged_keep),
    .last_o (merged_last),
    .func_o (merged_func),
    .size_o (merged_size),
    .ready_i(merged_ready)
  );

  assign merged_ready = !clear_i;

  tx_ingress u_ingress (
    .clk_i,
    .rst_ni,
    .enabled_i,
    .raw_i,
    .guard_i,
    .class_i        (function_class),
    .valid_i        (merged_valid && merged_ready),
    .data_i         (merged_data),
    .keep_i         (merged_keep),
    .last_i         (merged_last),
    .func_i         (merged_func),
    .size_i         (merged_size),
    .cell_valid_i   (cell_valid),
    .cell_i         (cell_next),
    .cell_take_o    (cell_take),
    .write_o        (memory_write),
    .write_address_o(memory_write_address),
    .write_data_o   (memory_write_data),
    .link_write_o   (link_write),
    .link_address_o (link_write_address),
    .link_o         (link_write_data),
    .inspect_o      (inspect),
    .inspect_beat_o (inspect_beat),
    .inspect_data_o (inspect_data),
    .packet_valid_o (ingress_valid),
    .packet_o       (ingress_packet),
    .idle_o         (ingress_idle)
  );

  // A look into those that are guarded or want checksums.
  logic                   inspect, guard_valid, violation, patch_valid;
  farrier_pkg::tx_beat_t  inspect_beat;
  logic [511:0]           inspect_data;
  farrier_pkg::tx_patch_t patch_found, patch;

  tx_inspect #(
    .Functions(Functions)
  ) u_inspect (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_func_i  (clear_index_i[1:0]),
    .access_valid_i(guard_access),
    .access_i,
    .access_o      (guard_answer),
    .valid_i       (inspect),
    .beat_i        (inspect_beat),
    .data_i        (inspect_data),
    .guard_valid_o (guard_valid),
    .violation_o   (violation),
    .guard_pop_i   (wait_pop && decide_ready && wait_packet.guarded),
    .patch_valid_o (patch_valid),
    .patch_o       (patch_found),
    .patch_pop_i   (wait_pop && decide_ready && wait_packet.insert)
  );

  ram_1r1w #(
    .Width($bits(patch)),
    .Depth(1 << CellBits)
  ) u_patches (
    .clk_i,
    .write_i(wait_pop && wait_packet.insert && wait_packet.stored),
    .waddr_i(wait_packet.head),
    .wdata_i(patch_found),
    .read_i (meta_read),
    .raddr_i(meta_address),
    .rdata_o(patch)
  );

  always_comb begin
    meta_write_data.insert          = ingress_packet.insert;
    meta_write_data.raw             = ingress_packet.raw;
    meta_write_data.func            = ingress_packet.func;
    meta_write_data.owner           = ingress_packet.owner;
    meta_write_data.report          = ingress_packet.report;
    meta_write_data.sequence_number = ingress_packet.sequence_number;
    meta_write_data.size            = ingress_packet.size;
  end

  ram_1r1w #(
    .Width($bits(meta_write_data)),
    .Depth(1 << CellBits)
  ) u_meta (
    .clk_i,
    .write_i(ingress_valid && ingress_packet.stored),
    .waddr_i(ingress_packet.head),
    .wdata_i(meta_write_data),
    .read_i (meta_read),
    .raddr_i(meta_address),
    .rdata_o(meta)
  );

  // The decision.
  logic                        wait_full, wait_valid, wait_pop, decide_ready, decide_idle;
  farrier_pkg::tx_packet_t  wait_packet, decide_packet;
  logic [$clog2(WaitDepth):0]  wait_level;
  logic                        ask, fits, take, decided, sent;
  farrier_pkg::tx_release_t ask_cells, sent_cells;
  farrier_pkg::tx_verdict_t decided_verdict;
  logic                        reclaim_valid, reclaimer_idle;
  farrier_pkg::reclaim_t       reclaim;

  fifo #(
    .Width($bits(wait_packet)),
    .Depth(WaitDepth)
  ) u_wait (
    .clk_i,
    .rst_ni,
    .push_i (ingress_valid),
    .data_i (ingress_packet),
    .full_o (wait_full),
    .valid_o(wait_valid),
    .data_o (wait_packet),
    .pop_i  (wait_pop && decide_ready),
    .level_o(wait_level)
  );

  tx_decide u_decide (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i  (clear_index_i),
    .valid_i        (wait_pop),
    .ready_o        (decide_ready),
    .packet_i       (decide_packet),
    .ask_o          (ask),
    .ask_cells_o    (ask_cells),
    .fits_i         (fits),
    .take_o         (take),
    .switched_i,
    .seen_owner_i,
    .seen_o,
    .valid_o        (decided),
    .verdict_o      (decided_verdict),
    .reclaim_valid_o(reclaim_valid),
    .reclaim_o      (reclaim),
    .bad_prefix_o,
    .disabled_o,
    .guard_o,
    .full_o,
    .idle_o         (decide_idle)
  );

  tx_quota u_quota (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i   (clear_index_i),
    .function_quota_i(function_quota),
    .ask_i           (ask),
    .ask_cells_i     (ask_cells),
    .fits_o          (fits),
    .take_i          (take),
    .release_i       (sent),
    .release_cells_i (sent_cells),
    .released_owner_i,
    .released_o,
    .access_i        (owner_access),
    .access_o        (owner_answer)
  );

  cell_reclaimer #(
    .Cells(TxCells)
  ) u_reclaimer (
    .clk_i,
    .rst_ni,
    .push_i          (reclaim_valid),
    .reclaim_i       (reclaim),
    .idle_o          (reclaimer_idle),
    .arriving_i      ('0),
    .link_read_o     (reclaim_link_read),
    .link_address_o  (reclaim_link_address),
    .link_i          (reclaim_link_wide),
    .packet_read_o   (reclaim_packet_read),
    .packet_address_o(reclaim_packet_address),
    .packet_i        ({WideBits{1'b0}}),  // never more than one packet
    .free_o          (reclaim_free),
    .free_cell_o     (reclaim_free_cell),
    .free_ready_i    (reclaim_free_ready)
  );

  logic               reclaim_packet_read;
  farrier_pkg::cell_t reclaim_packet_address;

  // Parking: by departure time, or by class.
  logic                        verdict_full, verdict_valid, verdict_pop;
  farrier_pkg::tx_verdict_t verdict;
  logic [$clog2(VerdictDepth):0] verdict_level;
  logic                        by_class, to_calendar, calendar_ready, clamped;
  logic                        calendar_due, calendar_take, calendar_idle;
  logic                        class_due, class_take, class_idle;
  farrier_pkg::tx_cell_t      calendar_head, class_head;
  logic [farrier_regs_pkg::Classes-1:0] limited;
  logic [63-SlotShift:0]       calendar_wake;
  logic [63:0]                 class_wake;

  fifo #(
    .Width($bits(verdict)),
    .Depth(VerdictDepth)
  ) u_verdicts (
    .clk_i,
    .rst_ni,
    .push_i (decided),
    .data_i (decided_verdict),
    .full_o (verdict_full),
    .valid_o(verdict_valid),
    .data_o (verdict),
    .pop_i  (verdict_pop),
    .level_o(verdict_level)
  );

  // Three packets may be under way to a verdict.
  assign wait_pop    = wait_valid && verdict_level < ($clog2(VerdictDepth) + 1)'(VerdictDepth - 3) &&
                       (!wait_packet.guarded || guard_valid) &&
                       (!wait_packet.insert || patch_valid);

  always_comb begin
    decide_packet           = wait_packet;
    decide_packet.violation = wait_packet.guarded && violation;
  end

  assign by_class    = verdict.at_once && limited[verdict.pacing_class];
  assign to_calendar = verdict_valid && verdict.accept && !by_class;
  assign verdict_pop = verdict_valid && (!to_calendar || calendar_ready);

  always_comb begin
    count_o.owner = verdict.owner;
    count_o.count = verdict_pop ? verdict.count : '0;
    count_o.count[farrier_pkg::TxCountClamped] = verdict_pop && to_calendar && clamped;
  end

  calendar #(
    .Slots   (PacingSlots),
    .TimeBits(64 - SlotShift),
    .IdBits  (CellBits)
  ) u_calendar (
    .clk_i,
    .rst_ni,
    .now_i           (time_i[63:SlotShift]),
    .insert_i        (to_calendar),
    .insert_ready_o  (calendar_ready),
    .insert_now_i    (verdict.at_once),
    .insert_slot_i   (verdict.slot),
    .insert_id_i     (verdict.head),
    .insert_clamped_o(clamped),
    .due_o           (calendar_due),
    .due_id_o        (calendar_head),
    .due_ready_i     (calendar_take),
    .idle_o          (calendar_idle),
    .wake_o          (calendar_wake)
  );

  tx_classes u_classes (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_class_i (clear_index_i[5:0]),
    .time_i,
    .insert_i      (verdict_valid && verdict.accept && by_class),
    .insert_class_i(verdict.pacing_class),
    .insert_id_i   (verdict.head),
    .insert_size_i (verdict.size),
    .limited_o     (limited),
    .due_o         (class_due),
    .due_id_o      (class_head),
    .due_ready_i   (class_take),
    .access_i      (class_access),
    .access_o      (class_answer),
    .idle_o        (class_idle),
    .wake_o        (class_wake)
  );

  // What is due leaves: the calendar's first, but after seven of those one of the classes'.
  logic [2:0] in_favour_q;  // of the calendar, while a class waited
  logic       class_turn, egress_ready, egress_idle;

  assign class_turn    = class_due && (!calendar_due || in_favour_q == 3'd7);
  assign calendar_take = egress_ready && !class_turn;
  assign class_take    = egress_ready && class_turn;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) in_favour_q <= '0;
    else if (class_take || !class_due) in_favour_q <= '0;
    else if (calendar_take && calendar_due) in_favour_q <= in_favour_q + 3'd1;
  end

  tx_egress u_egress (
    .clk_i,
    .rst_ni,
    .time_i,
    .valid_i       (calendar_due || class_due),
    .head_i        (class_turn ? class_head : calendar_head),
    .ready_o       (egress_ready),
    .meta_read_o   (meta_read),
    .meta_address_o(meta_address),
    .meta_i        (meta),
    .patch_i       (patch),
    .link_read_o   (egress_link_read),
    .link_address_o(egress_link_address),
    .link_i        (egress_link),
    .read_o        (memory_read),
    .read_address_o(memory_read_address),
    .read_data_i   (memory_read_data),
    .free_o        (egress_free),
    .free_cell_o   (egress_free_cell),
    .tx_valid_o,
    .tx_data_o,
    .tx_keep_o,
    .tx_last_o,
    .tx_size_o,
    .tx_ready_i,
    .sent_o        (sent),
    .sent_bytes_o  (packet_bytes_o),
    .sent_cells_o  (sent_cells),
    .report_o,
    .idle_o        (egress_idle)
  );

  assign packet_o = sent;

  always_comb begin
    idle_o = !merged_valid && ingress_idle && !wait_valid && decide_idle && !verdict_valid &&
             calendar_idle && class_idle && egress_idle && reclaimer_idle;
    wake_o = {calendar_wake, {SlotShift{1'b1}}};
    if (calendar_wake != '1) wake_o[SlotShift-1:0] = '0;
    if (class_wake < wake_o) wake_o = class_wake;
  end

  // The levels keep the queues from filling: a packet waits for a few cycles at most.
  logic unused;
  assign unused = ^{cells_free, wait_full, wait_level, verdict_full, reclaim_packet_read,
                    reclaim_packet_address, allocated, reclaim_link_address};

endmodule
