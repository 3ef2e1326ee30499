// What should be seen where the functions' lanes join, bound to it.
module tx_merge_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 busy_q,
  input logic [1:0]           lane_q,
  input logic [1:0]           lane,
  input logic [Functions-1:0] h2c_valid_i,
  input logic [Functions-1:0] h2c_ready_o,
  input logic                 valid_o,
  input logic                 last_o,
  input logic                 ready_i
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(h2c_ready_o & h2c_valid_i))
    else $error("tx_merge: two lanes are taken");
  assert property (@(posedge clk_i) disable iff (!rst_ni) busy_q |-> lane == lane_q)
    else $error("tx_merge: another lane within a packet");

  for (genvar f = 0; f < Functions; f++) begin : g_lane
    cover property (@(posedge clk_i) rst_ni && !busy_q && h2c_valid_i == '1 && lane == f && ready_i);
    cover property (@(posedge clk_i) rst_ni && busy_q && lane == f && !h2c_valid_i[f]);  // a bubble
    cover property (@(posedge clk_i) rst_ni && valid_o && last_o && !busy_q && lane == f);
    cover property (@(posedge clk_i) rst_ni && valid_o && last_o && busy_q && lane == f);
  end

endmodule

bind tx_merge tx_merge_checks #(.Functions(Functions)) u_checks (.*);
