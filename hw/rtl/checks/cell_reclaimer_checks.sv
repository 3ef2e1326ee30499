// What should be seen at the reclaimer, bound to it.
module cell_reclaimer_checks (
  input logic       clk_i,
  input logic       rst_ni,
  input logic [1:0] state_q,
  input logic       pop,
  input farrier_pkg::reclaim_t entry,
  input logic       free_o,
  input logic       free_ready_i
);

  fsm_arcs #(
    .States(3),  // Idle, LookUp, Free
    .Arcs  (9'b011_100_010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  cover property (@(posedge clk_i) rst_ni && pop && entry.single);
  cover property (@(posedge clk_i) rst_ni && pop && !entry.single);
  cover property (@(posedge clk_i) rst_ni && free_o && !free_ready_i);

  logic unused;
  assign unused = ^entry;

endmodule

bind cell_reclaimer cell_reclaimer_checks u_checks (.*);
