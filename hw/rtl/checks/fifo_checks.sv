// What must hold at every FIFO, bound to it.
module fifo_checks #(
  parameter int unsigned AddressBits = 4,
  parameter bit Waits = 1'b0
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 push_i,
  input logic                 full_o,
  input logic                 valid_o,
  input logic                 pop_i,
  input logic [AddressBits:0] level_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) push_i |-> !full_o)
    else $error("fifo: pushed while full");
  assert property (@(posedge clk_i) disable iff (!rst_ni) pop_i |-> valid_o)
    else $error("fifo: popped while empty");
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_o |-> level_o != '0)
    else $error("fifo: empty and valid");
  assert property (@(posedge clk_i) disable iff (!rst_ni) level_o != '0 && !Waits |-> valid_o)
    else $error("fifo: not empty, not valid");

  cover property (@(posedge clk_i) rst_ni && full_o);
  cover property (@(posedge clk_i) rst_ni && push_i && pop_i);
  cover property (@(posedge clk_i) rst_ni && pop_i && !push_i && level_o == 1);  // becomes empty

endmodule

bind fifo fifo_checks #(.AddressBits(AddressBits), .Waits(Waits)) u_checks (.*);
