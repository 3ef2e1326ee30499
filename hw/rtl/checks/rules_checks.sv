// What should be seen at the ternary rules, bound to them.
module rules_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic [3:0]  state_q,
  input logic [5:0]  rule_q,
  input logic [63:0] enabled_q,
  input logic        writing_q,
  input logic        valid_i,
  input logic        match_o,
  input logic        count_i,
  input logic        any,
  input logic [5:0]  index,
  input logic        accepted,
  input logic        exists,
  input logic        is_commit,
  input logic        is_read,
  input farrier_pkg::rule_action_t action_o
);

  fsm_arcs #(
    .States(13),  // Clear, Idle, Read, Keep, Value, Mask, Fetch, Write, Last, Enable, Load, Loaded, Done
    .Arcs  ({13'h0002, 13'h1000, 13'h0800, 13'h1000, 13'h0200, 13'h0110, 13'h0080, 13'h0040, 13'h0060,
             13'h0010, 13'h0002, 13'h140C, 13'h0002})
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  cover property (@(posedge clk_i) rst_ni && match_o && count_i);
  cover property (@(posedge clk_i) rst_ni && match_o && !count_i);              // an exact filter goes first
  cover property (@(posedge clk_i) rst_ni && match_o && count_i && action_o.drop);
  cover property (@(posedge clk_i) rst_ni && match_o && count_i && action_o.has_owner);
  cover property (@(posedge clk_i) rst_ni && match_o && count_i && !action_o.has_owner && !action_o.drop);
  cover property (@(posedge clk_i) rst_ni && match_o && count_i && action_o.pacing_class != '0);
  cover property (@(posedge clk_i) rst_ni && any && index == 6'd0);
  cover property (@(posedge clk_i) rst_ni && any && index == 6'd63);
  cover property (@(posedge clk_i) rst_ni && valid_i && writing_q);             // while one is written
  cover property (@(posedge clk_i) rst_ni && any && writing_q && index != rule_q);
  cover property (@(posedge clk_i) rst_ni && accepted && is_commit && exists && enabled_q != '0);
  cover property (@(posedge clk_i) rst_ni && accepted && is_commit && !exists);
  cover property (@(posedge clk_i) rst_ni && accepted && is_read && !exists);

  assert property (@(posedge clk_i) disable iff (!rst_ni) writing_q |-> !enabled_q[rule_q])
    else $error("rules: a rule matches while it is written");

  logic unused;
  assign unused = ^action_o;

endmodule

bind rules rules_checks u_checks (.*);
