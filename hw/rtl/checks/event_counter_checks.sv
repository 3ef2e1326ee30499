// What should be seen at the counters, bound to each of them.
module event_counter_checks #(
  parameter int unsigned EventBits = 8
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 add_i,
  input logic                 add_q,
  input logic                 added_q,
  input logic                 clear_i,
  input logic [EventBits-1:0] event_q,
  input logic [EventBits-1:0] added_event_q
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) !(add_i && clear_i))
    else $error("event_counter: counts while it is cleared");

  cover property (@(posedge clk_i) rst_ni && add_q);
  // Two of one kind, one behind the other: the sum is not yet where it is read.
  cover property (@(posedge clk_i) rst_ni && add_q && added_q && added_event_q == event_q);

endmodule

bind event_counter event_counter_checks #(.EventBits(EventBits)) u_checks (.*);
