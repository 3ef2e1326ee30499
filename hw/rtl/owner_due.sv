// What is due for an owner row that is being worked on, in two cycles: what its times say, which of its MARKs
// can go out, and about which queue's credits to ask.
module owner_due (
  input  logic                    clk_i,
  input  logic                    first_i,       // row_i is new
  input  logic                    report_i,      // it is about a departure report
  input  farrier_pkg::owner_row_t row_i,         // stays
  input  logic [63:0]             time_i,        // ns
  input  logic [41:0]             watchdog_ns_i, // 0 = never
  input  logic [31:0]             drain_gap_ns_i,
  input  logic [63:0]             any_i,         // queue 16 f + q has a credit
  input  logic                    mark_room_i,   // a MARK may be queued for delivery
  output logic [5:0]              queue_o,       // in the second cycle: 16 f + q
  output farrier_pkg::owner_due_t due_o          // after the second cycle
);

  logic [63:0] expiry_q, gap_end_q;
  logic        expires_q;  // there was a watchdog when expiry_q was worked out: it may be set meanwhile
  logic [15:0] ready_marks_q;
  logic        mark_found;
  logic [3:0]  mark_index, queue_index;

  always_comb begin
    mark_index = 4'd0;
    mark_found = ready_marks_q != '0;
    for (int i = 15; i >= 0; i--) begin
      if (ready_marks_q[i]) mark_index = 4'(i);
    end
    if (report_i) queue_index = row_i.queue_base;
    else if (mark_found) queue_index = row_i.queue_base + mark_index;
    else begin
      queue_index = farrier_pkg::queue_of(row_i.queue_base, row_i.log2_queues, row_i.head_entry);
    end
    queue_o = {row_i.func, queue_index};
  end

  always_ff @(posedge clk_i) begin
    if (first_i) begin
      expires_q     <= watchdog_ns_i != '0;
      expiry_q      <= row_i.held_since + {22'd0, watchdog_ns_i};
      gap_end_q     <= row_i.last_drain + {32'd0, drain_gap_ns_i};
      ready_marks_q <= '0;
      if (mark_room_i) begin
        ready_marks_q <= row_i.marks & 16'(any_i[{row_i.func, 4'd0}+:16] >> row_i.queue_base);
      end
    end
    due_o.expired     <= expires_q && time_i > expiry_q;
    due_o.expires     <= expires_q;
    due_o.gap_over    <= !row_i.drained || time_i >= gap_end_q;
    due_o.expiry      <= expiry_q;
    due_o.gap_end     <= gap_end_q;
    due_o.mark        <= mark_found;
    due_o.mark_index  <= mark_index;
    due_o.queue_index <= queue_index;
  end

  // Most of a row is the operation's.
  logic unused;
  assign unused = ^row_i;

endmodule
