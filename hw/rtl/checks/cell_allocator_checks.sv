// What must hold at the cell allocator, bound to it.
module cell_allocator_checks #(
  parameter int unsigned Cells = 1
) (
  input logic clk_i,
  input logic rst_ni,
  input logic valid_o,
  input logic take_i,
  input logic free_a_i,
  input logic free_b_i,
  input logic [farrier_pkg::CellBits:0] cells_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) take_i |-> valid_o)
    else $error("cell_allocator: a cell was taken that is not there");
  assert property (@(posedge clk_i) disable iff (!rst_ni) free_a_i || free_b_i |-> 32'(cells_o) < Cells)
    else $error("cell_allocator: a cell came back that was not out");

  cover property (@(posedge clk_i) rst_ni && !valid_o);  // none left
  cover property (@(posedge clk_i) rst_ni && free_a_i && free_b_i);
  cover property (@(posedge clk_i) rst_ni && take_i && free_a_i);

endmodule

bind cell_allocator cell_allocator_checks #(.Cells(Cells)) u_checks (.*);
