// What should be seen at the heartbeats, bound to them.
module heartbeat_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic [1:0]           state_q,
  input logic [Functions-1:0] armed_q,
  input logic [Functions-1:0] missed,
  input logic [3:0]           pending_q,
  input logic [41:0]          limit_ns_q,
  input logic [1:0]           index,
  input logic                 block_valid_i,
  input logic                 is_limit,
  input logic                 is_beat,
  input logic                 miss_valid_o,
  input logic                 miss_done_i,
  input farrier_pkg::owner_t  miss_owner_o,
  input farrier_pkg::block_request_t block_i
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) miss_done_i |-> miss_valid_o)
    else $error("heartbeat: an answer to no miss");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   miss_valid_o && !miss_done_i |=> miss_valid_o && $stable(miss_owner_o))
    else $error("heartbeat: the walk went on by itself");

  fsm_arcs #(
    .States(3),  // Idle, Scale, Arm
    .Arcs  (9'b001_100_010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  for (genvar f = 0; f < Functions; f++) begin : g_function
    logic mine;
    assign mine = index == 2'(f);
    cover property (@(posedge clk_i) rst_ni && missed[f]);
    cover property (@(posedge clk_i) rst_ni && state_q == 2'd2 && mine && limit_ns_q == '0);  // 0 = never
    cover property (@(posedge clk_i) rst_ni && state_q == 2'd2 && mine && limit_ns_q != '0 && !armed_q[f]);
    cover property (@(posedge clk_i) rst_ni && state_q == 2'd2 && mine && armed_q[f]);  // in time
    cover property (@(posedge clk_i) rst_ni && block_valid_i && block_i.write && is_limit && mine &&
                                     armed_q[f]);                                     // disarms
  end
  cover property (@(posedge clk_i) rst_ni && missed == '1);                             // at once
  cover property (@(posedge clk_i) rst_ni && $countones(pending_q) == 2);
  cover property (@(posedge clk_i) rst_ni && miss_valid_o && block_valid_i && is_beat);

  logic unused;
  assign unused = ^block_i;

endmodule

bind heartbeat heartbeat_checks #(.Functions(Functions)) u_checks (.*);
