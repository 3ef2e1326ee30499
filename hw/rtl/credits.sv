// RX credits of every queue: granted by software's doorbell and by a second port (the simulation's
// stand-in for it), taken one per packet, reset per function.
module credits (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        take_i,          // one credit of take_queue_i, which has one
  input  logic [5:0]  take_queue_i,    // 16 f + q
  input  logic        doorbell_i,
  input  logic [5:0]  doorbell_queue_i,
  input  logic [15:0] doorbell_count_i,
  input  logic        grant_i,         // taken when grant_ready_o
  input  logic [5:0]  grant_queue_i,
  input  logic [15:0] grant_count_i,
  output logic        grant_ready_o,
  input  logic [3:0]  reset_i,         // per function: its credits become 0
  output logic        granted_o,       // some queue got credits
  output logic [63:0] one_o,           // the queue has a credit
  output logic [63:0] two_o            // ... has two
);

  logic [64*16-1:0] count_q;
  logic             add;
  logic [5:0]       add_queue;
  logic [15:0]      add_count, added, taken, standing;
  logic [16:0]      sum;

  assign grant_ready_o = !doorbell_i;
  assign add           = doorbell_i || grant_i;
  assign add_queue     = doorbell_i ? doorbell_queue_i : grant_queue_i;
  assign add_count     = doorbell_i ? doorbell_count_i : grant_count_i;
  assign granted_o     = add;

  always_comb begin
    taken  = count_q[16*take_queue_i+:16] - 16'd1;
    standing = (take_i && take_queue_i == add_queue) ? taken : count_q[16*add_queue+:16];
    sum    = {1'b0, standing} + {1'b0, add_count};
    added  = sum[16] ? '1 : sum[15:0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      one_o   <= '0;
      two_o   <= '0;
    end else begin
      if (take_i) begin
        count_q[16*take_queue_i+:16] <= taken;
        one_o[take_queue_i]          <= taken != 16'd0;
        two_o[take_queue_i]          <= taken[15:1] != 15'd0;
      end
      if (add) begin
        count_q[16*add_queue+:16] <= added;
        one_o[add_queue]          <= added != 16'd0;
        two_o[add_queue]          <= added[15:1] != 15'd0;
      end
      for (int f = 0; f < 4; f++) begin
        if (reset_i[f]) begin
          count_q[256*f+:256] <= '0;
          one_o[16*f+:16]     <= '0;
          two_o[16*f+:16]     <= '0;
        end
      end
    end
  end

endmodule
