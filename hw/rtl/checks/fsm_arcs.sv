// A state machine's arcs: each of those named should be seen, and no other may be taken.
module fsm_arcs #(
  parameter int unsigned States = 2,
  parameter logic [States*States-1:0] Arcs = '0  // bit States * from + to; staying is no arc
) (
  input logic        clk_i,
  input logic        rst_ni,
  input logic [31:0] state_i  // a number below States
);

  logic        valid_q;
  logic [31:0] state_q;

  always_ff @(posedge clk_i) begin
    valid_q <= rst_ni;
    state_q <= state_i;
  end

  for (genvar from = 0; from < States; from++) begin : g_from
    for (genvar to = 0; to < States; to++) begin : g_to
      if (Arcs[States*from+to]) begin : g_arc
        cover property (@(posedge clk_i) rst_ni && valid_q && state_q == from && state_i == to);
      end else if (from != to) begin : g_none
        assert property (@(posedge clk_i) !(rst_ni && valid_q && state_q == from && state_i == to))
          else $error("fsm: from state %0d to %0d", from, to);
      end
    end
  end

endmodule
