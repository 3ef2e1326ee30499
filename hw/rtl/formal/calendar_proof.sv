// The calendar of four slots and two packets, `one` and `other`, under every order of insertions, jumps of time
// and pauses of whoever takes what is due.
module calendar_proof (
  input logic       clk_i,
  input logic [3:0] now_i,
  input logic       insert_i,
  input logic       insert_now_i,
  input logic [3:0] insert_slot_i,
  input logic       insert_id_i,
  input logic       due_ready_i
);

  localparam int unsigned Slots = 4;
  localparam logic [4:0] Patience = 5'd16;  // cycles

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  localparam logic One = 1'd0;
  localparam logic Other = 1'd1;

  logic       insert_ready, clamped, due, idle;
  logic       due_id;
  logic [3:0] wake;

  calendar #(
    .Slots   (Slots),
    .TimeBits(4),
    .IdBits  (1)
  ) u_calendar (
    .clk_i,
    .rst_ni          (started_q),
    .now_i,
    .insert_i,
    .insert_ready_o  (insert_ready),
    .insert_now_i,
    .insert_slot_i,
    .insert_id_i,
    .insert_clamped_o(clamped),
    .due_o           (due),
    .due_id_o        (due_id),
    .due_ready_i,
    .idle_o          (idle),
    .wake_o          (wake)
  );

  // Time as the calendar knows it, two cycles later.
  logic [3:0] before_q = 4'd0, now_q = 4'd0;

  logic [1:0] in_q = 2'd0;            // packets inside
  logic [3:0] one_slot_q, other_slot_q;  // asked for
  logic       one_clamped_q;
  logic [4:0] one_latest_q;           // slot in which it is due, whatever came of clamping
  logic       other_behind_q = 1'b0;  // it came while `one` was inside
  logic [4:0] waits_q = 5'd0;         // cycles in which `one` is due and nothing hinders it
  logic [3:0] stalls_q = 4'd0;        // of an insertion
  logic       turned_q = 1'b0;        // `one` is in a place of the ring that `other` has left before

  logic       enters, leaves, one_in, one_enters, one_leaves, other_in, other_enters, other_leaves;
  logic [3:0] asked;

  assign enters       = insert_i && insert_ready;
  assign leaves       = due && due_ready_i;
  assign one_in       = in_q[One];
  assign one_enters   = enters && insert_id_i == One;
  assign one_leaves   = leaves && due_id == One;
  assign other_in     = in_q[Other];
  assign other_enters = enters && insert_id_i == Other;
  assign other_leaves = leaves && due_id == Other;
  assign asked        = insert_now_i ? now_q : insert_slot_i;

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      before_q <= now_i;
      now_q    <= before_q;
      in_q     <= (in_q | ({1'd0, enters} << insert_id_i)) & ~({1'd0, leaves} << due_id);
      if (one_enters) begin
        one_slot_q     <= asked;
        one_latest_q   <= clamped ? {1'b0, now_i} + 5'(Slots - 1) : {1'b0, asked};
        one_clamped_q  <= clamped;
        other_behind_q <= 1'b0;
      end
      if (other_enters) begin
        other_slot_q   <= asked;
        other_behind_q <= one_in;
      end
      if (other_leaves && one_in && other_slot_q < one_slot_q && other_slot_q[1:0] == one_slot_q[1:0]) begin
        turned_q <= 1'b1;
      end
      if (!one_in || {1'b0, now_i} < one_latest_q || insert_i || !due_ready_i) waits_q <= 5'd0;
      else waits_q <= waits_q + 5'd1;
      stalls_q <= (insert_i && !insert_ready) ? stalls_q + 4'd1 : 4'd0;
    end
  end

  always_comb begin
    // Time does not go back, and a packet is inside once.
    assume (now_i >= before_q);
    if (!started_q) assume (!insert_i && now_i == 4'd0);
    if (insert_i) assume (!in_q[insert_id_i]);

    if (started_q) begin
      // What comes out is inside: none is invented, none comes twice.
      if (due && due_id == One) assert (one_in);
      // None before its slot has begun, but if that was beyond the ring.
      if (due && due_id == One && !one_clamped_q) assert (one_slot_q <= now_q);
      // Who came later and asked for no earlier slot does not overtake.
      if (due && due_id == Other && one_in && other_behind_q) assert (other_slot_q < one_slot_q);
      // None is lost: what is due comes out, and the calendar does not sleep beyond it.
      assert (waits_q <= Patience);
      if (idle && one_in) assert ({1'b0, wake} <= one_latest_q);
      // Clamped is what is beyond the ring, which begins at now or before.
      if (enters && clamped) assert (asked >= 4'(Slots));
      if (enters && !clamped) assert ({1'b0, asked} < {1'b0, now_i} + 5'(Slots));
      // An insertion waits for two cycles at most.
      assert (stalls_q <= 4'd2);

      cover (one_leaves && turned_q);
      cover (one_leaves && other_in && other_behind_q && other_slot_q == one_slot_q && !insert_now_i);
      cover (one_leaves && one_clamped_q && one_slot_q > now_q);
      cover (one_in && stalls_q == 4'd2);
      cover (waits_q >= 5'd6 && one_in && other_in);
    end
  end

endmodule
