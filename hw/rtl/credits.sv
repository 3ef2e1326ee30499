// RX credits of every queue. A queue's credits are what it was granted less what was taken, both
// modulo 2^16 in RAMs of their own, each with one writer: packets take, and software's doorbell or the
// second port (the simulation's stand-in for it) grants. A queue is asked about in one cycle and
// may be taken from in the next.
module credits (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,           // after reset: queue clear_queue_i has granted and taken nothing
  input  logic [5:0]  clear_queue_i,
  // Taking.
  input  logic        read_i,
  input  logic [5:0]  queue_i,           // 16 f + q
  output logic        one_o,             // in the next cycle: that queue has a credit
  output logic        two_o,             // ... has two
  input  logic        take_i,            // in the next cycle: one is taken; there must be one
  output logic [63:0] any_o,             // queues that have a credit
  // Granting; what would go beyond 65,535 is lost.
  input  logic        doorbell_i,        // goes before the second port
  input  logic [5:0]  doorbell_queue_i,
  input  logic [15:0] doorbell_count_i,
  input  logic        grant_i,
  input  logic [5:0]  grant_queue_i,
  input  logic [15:0] grant_count_i,
  output logic        ready_o,           // a grant is taken
  output logic        granted_o,         // some queue got credits
  // Resetting.
  input  logic [3:0]  reset_i,           // per function: its credits become 0
  output logic        busy_o             // some grant or reset is under way
);

  // Taking: the answer knows of what was taken in the cycle of the question.
  logic        taken_write, forward_q;
  logic [5:0]  queue_q;
  logic [15:0] taken_data, granted, stored_taken, taken, forward_taken_q, available;
  logic [3:0]  resetting_q;  // functions

  always_comb begin
    taken       = forward_q ? forward_taken_q : stored_taken;
    available   = granted - taken;
    one_o       = available != 16'd0 && !resetting_q[queue_q[5:4]];
    two_o       = available[15:1] != 15'd0 && !resetting_q[queue_q[5:4]];
    taken_write = take_i || clear_i;
    taken_data  = clear_i ? 16'd0 : taken + 16'd1;
  end

  always_ff @(posedge clk_i) begin
    if (read_i) begin
      queue_q         <= queue_i;
      forward_q       <= take_i && queue_q == queue_i;
      forward_taken_q <= taken_data;
    end
  end

  // Granting, and resetting queue by queue: the queue is read in one cycle and written in the next.
  logic        walking, change, change_q, reset_q, repeat_q;
  logic [5:0]  change_queue, change_queue_q, walk_q;
  logic [15:0] count_q, change_granted, change_taken, base, written_q, granted_d;
  logic [16:0] sum;
  logic [1:0]  settle_q;  // until what was taken before a reset is in the RAM

  assign walking = resetting_q != '0;
  assign ready_o = !walking && !clear_i;

  always_comb begin
    change       = (ready_o && (doorbell_i || grant_i)) || (walking && settle_q == '0);
    change_queue = doorbell_i ? doorbell_queue_i : grant_queue_i;
    if (walking) change_queue = walk_q;

    base      = repeat_q ? written_q : change_granted;
    sum       = {1'b0, base - change_taken} + {1'b0, count_q};
    granted_d = sum[16] ? change_taken - 16'd1 : base + count_q;
    if (reset_q) granted_d = change_taken;
    granted_o = change_q && !reset_q;
    busy_o    = walking || change_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      resetting_q <= '0;
      change_q    <= 1'b0;
      repeat_q    <= 1'b0;
      any_o       <= '0;
    end else begin
      change_q <= change && (!walking || resetting_q[walk_q[5:4]]);
      repeat_q <= change && change_q && change_queue == change_queue_q;

      if (reset_i != '0) begin
        resetting_q <= resetting_q | reset_i;
      end else if (walking && walk_q == '1) begin
        resetting_q <= '0;
      end

      if (take_i) any_o[queue_q] <= two_o;
      if (change_q && !reset_q && count_q != '0) any_o[change_queue_q] <= 1'b1;
      for (int f = 0; f < 4; f++) begin
        if (resetting_q[f]) any_o[16*f+:16] <= '0;
      end
    end
    if (reset_i != '0) begin
      walk_q   <= '0;
      settle_q <= '1;
    end else if (settle_q != '0) begin
      settle_q <= settle_q - 2'd1;
    end else begin
      walk_q <= walk_q + 6'd1;
    end
    reset_q <= walking;
    if (change) begin
      change_queue_q <= change_queue;
      count_q        <= doorbell_i ? doorbell_count_i : grant_count_i;
    end
    if (change_q) written_q <= granted_d;
  end

  logic unused;
  assign unused = ^sum[15:0];

  // Both sums, once for taking and once for granting.
  ram_1r1w #(
    .Width(16),
    .Depth(64)
  ) u_granted (
    .clk_i,
    .write_i(clear_i || change_q),
    .waddr_i(clear_i ? clear_queue_i : change_queue_q),
    .wdata_i(clear_i ? 16'd0 : granted_d),
    .read_i,
    .raddr_i(queue_i),
    .rdata_o(granted)
  );

  ram_1r1w #(
    .Width(16),
    .Depth(64)
  ) u_granted_change (
    .clk_i,
    .write_i(clear_i || change_q),
    .waddr_i(clear_i ? clear_queue_i : change_queue_q),
    .wdata_i(clear_i ? 16'd0 : granted_d),
    .read_i (change),
    .raddr_i(change_queue),
    .rdata_o(change_granted)
  );

  ram_1r1w #(
    .Width(16),
    .Depth(64)
  ) u_taken (
    .clk_i,
    .write_i(taken_write),
    .waddr_i(clear_i ? clear_queue_i : queue_q),
    .wdata_i(taken_data),
    .read_i,
    .raddr_i(queue_i),
    .rdata_o(stored_taken)
  );

  ram_1r1w #(
    .Width(16),
    .Depth(64)
  ) u_taken_change (
    .clk_i,
    .write_i(taken_write),
    .waddr_i(clear_i ? clear_queue_i : queue_q),
    .wdata_i(taken_data),
    .read_i (change),
    .raddr_i(change_queue),
    .rdata_o(change_taken)
  );

endmodule
