// What must hold at the account of TX cells, and should be seen there, bound to it.
module tx_quota_checks (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic                     two_q,
  input logic                     fits_o,
  input logic                     take_i,
  input logic                     same,
  input logic                     before_q,
  input logic                     release_i,
  input logic                     releasing_q,
  input logic                     released_q,
  input farrier_pkg::owner_t      released_before_q,
  input farrier_pkg::tx_release_t two_cells_q,
  input farrier_pkg::tx_release_t one_cells_q,
  input logic                     one_q,
  input farrier_pkg::owner_t      before_owner_q,
  input farrier_pkg::tx_release_t releasing_cells_q,
  input farrier_pkg::tx_access_t  access_i,
  input logic                     ask_owner,
  input logic                     look,
  input logic                     write_quota
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) take_i |-> two_q && fits_o)
    else $error("tx_quota: cells were taken that are not to be had");

  cover property (@(posedge clk_i) rst_ni && two_q && !two_cells_q.raw && fits_o);
  cover property (@(posedge clk_i) rst_ni && two_q && !two_cells_q.raw && !fits_o);
  cover property (@(posedge clk_i) rst_ni && two_q && two_cells_q.raw && fits_o);
  cover property (@(posedge clk_i) rst_ni && two_q && two_cells_q.raw && !fits_o);
  cover property (@(posedge clk_i) rst_ni && two_q && !two_cells_q.raw && same);      // right behind its own
  cover property (@(posedge clk_i) rst_ni && one_q && before_q && before_owner_q == one_cells_q.owner);
  cover property (@(posedge clk_i) rst_ni && releasing_q && released_q &&
                                   released_before_q == releasing_cells_q.owner);
  cover property (@(posedge clk_i) rst_ni && releasing_q && releasing_cells_q.raw);
  cover property (@(posedge clk_i) rst_ni && release_i && two_q && take_i);
  cover property (@(posedge clk_i) rst_ni && access_i.valid && !access_i.write && ask_owner);  // software waits
  cover property (@(posedge clk_i) rst_ni && look);
  cover property (@(posedge clk_i) rst_ni && write_quota);

  logic unused;
  assign unused = ^{two_cells_q, one_cells_q, releasing_cells_q, access_i};

endmodule

bind tx_quota tx_quota_checks u_checks (.*);
