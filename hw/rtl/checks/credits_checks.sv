// What must hold at the credits, and should be seen there, bound to them.
module credits_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        clear_i,
  input logic        take_i,
  input logic        one_o,
  input logic        two_o,
  input logic        forward_q,
  input logic        walking,
  input logic        reset_q,
  input logic        change_q,
  input logic        repeat_q,
  input logic [16:0] sum,
  input logic [15:0] available,
  input logic [3:0]  resetting_q,
  input logic [3:0]  reset_i,
  input logic [5:0]  queue_q,
  input logic        doorbell_i,
  input logic        grant_i,
  input logic        ready_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) take_i |-> one_o)
    else $error("credits: one was taken that is not there");

  cover property (@(posedge clk_i) rst_ni && take_i && !two_o);        // the last one goes
  cover property (@(posedge clk_i) rst_ni && take_i && two_o);
  cover property (@(posedge clk_i) rst_ni && forward_q && !two_o);     // seen in the next cycle
  cover property (@(posedge clk_i) rst_ni && change_q && !reset_q && sum[16]);  // 65,535 at most
  cover property (@(posedge clk_i) rst_ni && repeat_q && change_q);
  cover property (@(posedge clk_i) rst_ni && change_q && reset_q);
  cover property (@(posedge clk_i) rst_ni && ready_o && doorbell_i && grant_i);
  cover property (@(posedge clk_i) rst_ni && walking && !clear_i && (doorbell_i || grant_i));
  cover property (@(posedge clk_i) rst_ni && available != '0 && resetting_q[queue_q[5:4]]);
  cover property (@(posedge clk_i) rst_ni && reset_i != '0 && take_i);

  logic unused;
  assign unused = ^{sum, queue_q};

endmodule

bind credits credits_checks u_checks (.*);
