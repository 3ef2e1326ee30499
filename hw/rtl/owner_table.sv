// The owner rows, and everything that happens to them, one after the other: packets (one per cycle: row
// read, choice of the newest copy, decision), and in between, alone, operations on one row: what
// software asks for, missed heartbeats, departure reports, and rounds of service: MARKs, draining and
// the hold watchdog, for the rows in the service list.
module owner_table #(
  parameter int unsigned Functions = 2,
  parameter int unsigned Queues = 16,      // per function
  parameter int unsigned HoldCells = 8192, // that all owners together may park in
  parameter int unsigned MarkPlaces = 16   // MARKs under way to the functions at most
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clear_i,         // after reset: row clear_index_i becomes empty
  input  farrier_pkg::owner_t        clear_index_i,
  input  logic [63:0]                time_i,          // ns
  // Configuration.
  input  farrier_pkg::owner_t        default_owner_i,
  input  logic [41:0]                watchdog_ns_i,
  input  logic [31:0]                drain_gap_ns_i,
  input  logic [3:0]                 enabled_i,       // per function
  input  logic [3:0]                 raw_i,           // per function
  input  logic                       wake_i,          // configuration changed: look again
  // Packets, in order.
  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic                       pressure_i,      // packets wait: they go first, for a while
  input  farrier_pkg::found_t        found_i,
  // Software's requests: held until op_done_o.
  input  logic                       op_valid_i,
  input  farrier_pkg::owner_op_e     op_i,
  input  farrier_pkg::owner_t        op_owner_i,
  input  logic [2:0]                 op_word_i,
  input  logic [31:0]                op_data_i,
  input  logic [31:0]                op_tx_seen_i,    // of op_owner_i
  output logic                       op_done_o,       // for one cycle
  output logic [31:0]                op_data_o,
  output logic                       op_bad_o,
  output logic [farrier_pkg::CellBits:0] op_parked_o, // packets parked, for the snapshot
  // A function's host has missed its heartbeat: held while the owners are walked over.
  input  logic                       miss_valid_i,
  input  logic [1:0]                 miss_func_i,
  input  farrier_pkg::owner_t        miss_owner_i,
  output logic                       miss_done_o,     // this owner is done
  // Departure reports, held until done.
  input  logic                       report_valid_i,
  input  farrier_pkg::owner_t        report_owner_i,
  input  logic [31:0]                report_sequence_i,
  output logic                       report_done_o,
  output logic                       report_lost_o,   // with it: it was not delivered
  // Credits: a queue is asked about, and in the next cycle perhaps taken from.
  output logic                       credit_read_o,
  output logic [5:0]                 credit_queue_o,  // 16 f + q
  input  logic                       one_i,           // that queue has a credit
  input  logic                       two_i,           // ... has two
  output logic                       take_o,          // one of them is taken
  input  logic [63:0]                any_i,           // queues that have a credit
  input  logic                       granted_i,       // some queue got credits: look again
  // To the functions, in order.
  output logic                       deliver_o,
  output farrier_pkg::delivery_t     delivery_o,
  input  logic                       mark_gone_i,     // a MARK has left
  // Cells of what was dropped.
  output logic                       reclaim_valid_o,
  output farrier_pkg::reclaim_t      reclaim_o,
  // Links between parked packets: a RAM outside, since the reclaimer reads it too.
  output logic                       park_write_o,
  output farrier_pkg::cell_t         park_address_o,
  output farrier_pkg::packet_link_t  park_link_o,
  // To the TX side: the row's new state and generation.
  output logic                       switched_o,
  output farrier_pkg::owner_t        switched_owner_o,
  output logic [1:0]                 switched_state_o,
  output logic [11:0]                switched_generation_o,
  // Counting.
  output logic                       count_valid_o,
  output farrier_pkg::owner_t        count_owner_o,
  output logic [farrier_pkg::RxCounters-1:0] count_o,
  output logic [farrier_pkg::CellBits:0] count_amount_o,
  output logic                       packet_seen_o,   // one packet was decided, good or bad
  output logic [15:0]                packet_bytes_o,
  output logic                       malformed_o,
  output logic                       oversize_o,
  output logic                       memory_full_o,
  output logic                       rule_drop_o,
  // For whoever runs the clock.
  output logic                       idle_o,          // nothing will happen before wake_o or an input
  output logic [63:0]                wake_o           // ns; all ones = never
);

  typedef enum logic [2:0] {
    StateIdle,  // packets pass
    StateRead,  // the pipeline empties, then the row is read
    StateRow,   // the row is here: what is parked behind its oldest packet is read
    StateLook,  // what is due is known: credits are asked about
    StateDo     // the operation
  } state_e;

  // Who wants an operation, the first of them first but for the last two, which take turns.
  typedef enum logic [1:0] {
    ForMiss,
    ForSoftware,
    ForReport,
    ForService
  } asker_e;

  state_e state_q;

  // Rows.
  logic                    row_read, row_write;
  farrier_pkg::owner_t     row_read_owner, row_write_owner;
  farrier_pkg::owner_row_t row_write_data, row_read_data;

  ram_1r1w #(
    .Width($bits(row_write_data)),
    .Depth(farrier_regs_pkg::Owners)
  ) u_rows (
    .clk_i,
    .write_i(row_write),
    .waddr_i(row_write_owner),
    .wdata_i(row_write_data),
    .read_i (row_read),
    .raddr_i(row_read_owner),
    .rdata_o(row_read_data)
  );

  // Which rows are DETACHED, to send their packets to the default owner without reading twice.
  logic [farrier_regs_pkg::Owners-1:0] present_q;  // not DETACHED

  // Packets, first cycle: whose.
  logic                issue, start;
  farrier_pkg::owner_t named_owner, issue_owner;

  assign issue       = valid_i && ready_o;
  assign ready_o     = state_q == StateIdle && !start && !clear_i;
  assign named_owner = found_i.hit ? found_i.owner : default_owner_i;
  assign issue_owner = present_q[named_owner] ? named_owner : default_owner_i;

  // Second cycle: the newest copy of the row.
  logic                    valid1_q, valid2_q, drop1_q, drop2_q, written_q;
  farrier_pkg::owner_t     owner1_q, owner2_q, written_owner_q;
  farrier_pkg::rx_packet_t packet1_q, packet2_q;
  logic [3:0]              entry1_q, entry2_q, queue1, queue2_q;
  farrier_pkg::owner_row_t row1, row2_q, written_row_q, decided_row;

  always_comb begin
    row1 = row_read_data;
    if (valid2_q && owner2_q == owner1_q) row1 = decided_row;
    else if (written_q && written_owner_q == owner1_q) row1 = written_row_q;
  end

  // Only operations move a row to other queues, and no packet is on its way then: any copy will do.
  assign queue1 = farrier_pkg::queue_of(row_read_data.queue_base, row_read_data.log2_queues, entry1_q);

  // Third cycle: the decision.
  logic                                   deliver, park, reclaim, memory_full, funded, room;
  logic [farrier_pkg::RxCounters-1:0]     packet_count;
  logic [farrier_pkg::CellBits:0]         hold_cells_q;  // in use

  assign funded = enabled_i[row2_q.func] && two_i;
  assign room   = {{31 - farrier_pkg::CellBits{1'b0}}, hold_cells_q} + {27'd0, packet2_q.cells} <=
                  HoldCells;

  owner_decision u_decision (
    .valid_i      (valid2_q),
    .row_i        (row2_q),
    .drop_i       (drop2_q),
    .packet_i     (packet2_q),
    .entry_i      (entry2_q),
    .funded_i     (funded),
    .room_i       (room),
    .deliver_o    (deliver),
    .park_o       (park),
    .reclaim_o    (reclaim),
    .memory_full_o(memory_full),
    .count_o      (packet_count),
    .row_o        (decided_row)
  );

  // Service list.
  logic                list_push, list_valid, list_pop, list_full;
  farrier_pkg::owner_t list_owner;
  logic [8:0]          list_level;

  fifo #(
    .Width(farrier_pkg::OwnerBits),
    .Depth(farrier_regs_pkg::Owners)
  ) u_list (
    .clk_i,
    .rst_ni,
    .push_i (list_push),
    .data_i (doing_owner_q),
    .full_o (list_full),
    .valid_o(list_valid),
    .data_o (list_owner),
    .pop_i  (list_pop),
    .level_o(list_level)
  );

  // Operations.
  asker_e                    asker, asker_q;
  farrier_pkg::owner_op_e    doing_q;
  farrier_pkg::owner_t       doing_owner_q;
  farrier_pkg::owner_row_t   done_row;
  farrier_pkg::packet_link_t behind;
  farrier_pkg::owner_due_t   due;
  logic [5:0]                due_queue;
  logic                      mark_room;
  farrier_pkg::delivery_t    done_delivery;
  logic                      doing, done_bad, done_switched, done_list, done_progress, done_wake_valid;
  logic                      done_deliver, done_unpark, done_discard, done_lost;
  logic [31:0]               done_data;
  logic [63:0]               done_wake;
  logic [4:0]                marks_q;          // under way

  assign doing     = state_q == StateDo;
  assign mark_room = {27'd0, marks_q} < MarkPlaces;

  owner_due u_due (
    .clk_i,
    .first_i    (state_q == StateRow),
    .report_i   (doing_q == farrier_pkg::OwnerOpReport),
    .row_i      (row_read_data),
    .time_i,
    .watchdog_ns_i,
    .drain_gap_ns_i,
    .any_i,
    .mark_room_i(mark_room),
    .queue_o    (due_queue),
    .due_o      (due)
  );

  owner_operation #(
    .Functions(Functions),
    .Queues   (Queues)
  ) u_operation (
    .valid_i       (doing),
    .op_i          (doing_q),
    .row_i         (row_read_data),
    .owner_i       (doing_owner_q),
    .word_i        (op_word_i),
    .data_i        (asker_q == ForReport ? report_sequence_i : op_data_i),
    .func_i        (miss_func_i),
    .tx_seen_i     (op_tx_seen_i),
    .behind_i      (behind),
    .due_i         (due),
    .one_i,
    .two_i,
    .time_i,
    .enabled_i,
    .raw_i,
    .row_o         (done_row),
    .data_o        (done_data),
    .bad_o         (done_bad),
    .switched_o    (done_switched),
    .list_o        (done_list),
    .progress_o    (done_progress),
    .wake_valid_o  (done_wake_valid),
    .wake_o        (done_wake),
    .deliver_o     (done_deliver),
    .delivery_o    (done_delivery),
    .unpark_o      (done_unpark),
    .discard_o     (done_discard),
    .lost_o        (done_lost)
  );

  ram_1r1w #(
    .Width($bits(park_link_o)),
    .Depth(1 << farrier_pkg::CellBits)
  ) u_behind (
    .clk_i,
    .write_i(park_write_o),
    .waddr_i(park_address_o),
    .wdata_i(park_link_o),
    .read_i (state_q == StateRow),
    .raddr_i(row_read_data.park_head),
    .rdata_o(behind)
  );

  // Operations wait while packets press, but not for ever: the wire leaves four cycles in ten free even
  // with the shortest frames, and beyond its rate the ingress gives way.
  logic       serve, settled, ask, missing, reported_q;
  logic       miss_known_q, miss_present_q;  // of miss_owner_i
  logic [5:0] patience_q;

  always_comb begin
    missing = miss_known_q && miss_present_q;
    serve   = list_valid && !settled;
    ask     = 1'b1;
    asker   = ForService;
    if (miss_valid_i) begin
      asker = ForMiss;
      ask   = missing;
    end else if (op_valid_i && !op_done_o) begin
      asker = ForSoftware;
    end else if (report_valid_i && mark_room && !(reported_q && serve)) begin
      asker = ForReport;
    end else begin
      ask = serve;
    end
    start = state_q == StateIdle && !clear_i && ask && (!pressure_i || patience_q == '1);
    // Nobody is attached by a row that is DETACHED.
    miss_done_o   = (doing && asker_q == ForMiss) ||
                    (miss_known_q && !miss_present_q && state_q == StateIdle);
    report_done_o = doing && asker_q == ForReport;
    report_lost_o = report_done_o && done_lost;
    list_pop      = start && asker == ForService;
  end

  assign list_push = doing && done_list;

  // Service rests when a whole round of the list found nothing to do, until something changes.
  logic [8:0]  fruitless_q;
  logic [63:0] time_q, wake_q;
  logic        changed, outdated_q;  // outdated: something changed since what is being done began

  assign settled = fruitless_q >= list_level;
  assign changed = time_i != time_q || wake_i || granted_i || mark_gone_i ||
                   (doing && (done_switched || done_progress));
  assign wake_o  = wake_q;
  assign idle_o  = state_q == StateIdle && !clear_i && !valid1_q && !valid2_q && !valid_i &&
                   !op_valid_i && !miss_valid_i && !report_valid_i && !serve && !changed;

  always_comb begin
    row_read       = issue || state_q == StateRead;
    row_read_owner = state_q == StateRead ? doing_owner_q : issue_owner;
    row_write      = clear_i || (valid2_q && (deliver || park)) || doing;
    row_write_owner = doing_owner_q;
    row_write_data  = done_row;
    if (clear_i) begin
      row_write_owner = clear_index_i;
      row_write_data  = '0;
    end else if (valid2_q) begin
      row_write_owner = owner2_q;
      row_write_data  = decided_row;
    end
  end

  // What happens.
  logic [farrier_pkg::CellBits:0] discarded;

  always_comb begin
    deliver_o  = deliver || done_deliver;
    delivery_o = done_delivery;
    if (deliver) begin
      delivery_o            = '0;
      delivery_o.raw        = raw_i[row2_q.func];
      delivery_o.func       = row2_q.func;
      delivery_o.queue_index = queue2_q;
      delivery_o.owner      = owner2_q;
      delivery_o.generation = row2_q.generation;
      delivery_o.sequence_number = row2_q.rx_next;
      delivery_o.head       = packet2_q.head;
    end
    credit_read_o  = valid1_q || state_q == StateLook;
    credit_queue_o = valid1_q ? {row_read_data.func, queue1} : due_queue;
    take_o         = deliver_o;

    discarded       = row_read_data.parked;
    reclaim_valid_o = reclaim || done_discard;
    reclaim_o.single  = 1'b0;
    reclaim_o.packets = discarded;
    reclaim_o.head    = row_read_data.park_head;
    if (reclaim) begin
      reclaim_o.single  = packet2_q.stored && packet2_q.cells <= 5'd1;
      reclaim_o.packets = 1;
      reclaim_o.head    = packet2_q.head;
    end

    park_write_o   = park && row2_q.parked != '0;
    park_address_o = row2_q.park_tail;
    park_link_o.cells = packet2_q.cells;
    park_link_o.entry = entry2_q;
    park_link_o.head  = packet2_q.head;

    switched_o            = done_switched;
    switched_owner_o      = doing_owner_q;
    switched_state_o      = done_row.state;
    switched_generation_o = done_row.generation;

    packet_seen_o  = valid2_q;
    packet_bytes_o = packet2_q.size;
    oversize_o     = valid2_q && packet2_q.oversize;
    malformed_o    = valid2_q && packet2_q.malformed;
    memory_full_o  = memory_full;
    rule_drop_o    = valid2_q && drop2_q;

    count_valid_o  = valid2_q || done_deliver || done_discard;
    count_owner_o  = valid2_q ? owner2_q : doing_owner_q;
    count_o        = packet_count;
    count_amount_o = 1;
    if (doing) begin
      count_o[farrier_pkg::RxCountSent] = done_unpark;
      count_o[farrier_pkg::RxCountDropDiscarded] = done_discard;
      if (done_discard) count_amount_o = discarded;
    end

    op_done_o   = doing && asker_q == ForSoftware;
    op_data_o   = done_data;
    op_bad_o    = done_bad;
    op_parked_o = row_read_data.parked;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q      <= StateIdle;
      valid1_q     <= 1'b0;
      valid2_q     <= 1'b0;
      written_q    <= 1'b0;
      present_q    <= '0;
      hold_cells_q <= '0;
      marks_q      <= '0;
      patience_q   <= '0;
      miss_known_q <= 1'b0;
      fruitless_q  <= '0;
      outdated_q   <= 1'b0;
      time_q       <= '0;
      wake_q       <= '1;
    end else begin
      valid1_q  <= issue;
      valid2_q  <= valid1_q;
      written_q <= valid2_q && (deliver || park);

      unique case (state_q)
        StateIdle: if (start) state_q <= StateRead;
        StateRead: if (!valid1_q && !valid2_q) state_q <= StateRow;
        StateRow: state_q <= StateLook;
        StateLook: state_q <= StateDo;
        default: state_q <= StateIdle;
      endcase
      miss_known_q <= miss_valid_i && !miss_done_o && state_q == StateIdle;
      if (start || !ask) patience_q <= '0;
      else if (patience_q != '1) patience_q <= patience_q + 1'b1;

      if (done_switched) begin
        present_q[doing_owner_q] <= done_row.state != farrier_regs_pkg::OwnerStateDetached;
      end

      if (park) begin
        hold_cells_q <= hold_cells_q + {{farrier_pkg::CellBits - 4{1'b0}}, packet2_q.cells};
      end else if (doing) begin
        hold_cells_q <= hold_cells_q - (row_read_data.parked_cells - done_row.parked_cells);
      end

      marks_q <= marks_q + {4'd0, done_deliver && done_delivery.mark} - {4'd0, mark_gone_i};

      time_q     <= time_i;
      outdated_q <= changed || (outdated_q && !start);
      if (changed) begin
        fruitless_q <= '0;
        wake_q      <= '1;
      end else if (doing && asker_q == ForService && !outdated_q) begin
        fruitless_q <= fruitless_q + {8'd0, done_list};
        if (done_wake_valid && done_wake < wake_q) wake_q <= done_wake;
      end
    end

    miss_present_q <= present_q[miss_owner_i];
    if (start) begin
      asker_q    <= asker;
      reported_q <= asker == ForReport;
      unique case (asker)
        ForMiss: begin
          doing_q       <= farrier_pkg::OwnerOpMiss;
          doing_owner_q <= miss_owner_i;
        end
        ForSoftware: begin
          doing_q       <= op_i;
          doing_owner_q <= op_owner_i;
        end
        ForReport: begin
          doing_q       <= farrier_pkg::OwnerOpReport;
          doing_owner_q <= report_owner_i;
        end
        default: begin
          doing_q       <= farrier_pkg::OwnerOpService;
          doing_owner_q <= list_owner;
        end
      endcase
    end
    if (issue) begin
      owner1_q  <= issue_owner;
      packet1_q <= found_i.packet;
      entry1_q  <= found_i.entry;
      drop1_q   <= found_i.drop;
    end
    if (valid1_q) begin
      owner2_q  <= owner1_q;
      packet2_q <= packet1_q;
      entry2_q  <= entry1_q;
      drop2_q   <= drop1_q;
      row2_q    <= row1;
      queue2_q  <= queue1;
    end
    if (valid2_q) begin
      written_owner_q <= owner2_q;
      written_row_q   <= decided_row;
    end
  end

  logic unused;
  assign unused = list_full;

endmodule
