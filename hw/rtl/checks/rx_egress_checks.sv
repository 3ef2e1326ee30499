// What must hold at the RX egress, and should be seen there, bound to it.
module rx_egress_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   valid_i,
  input logic                   ready_o,
  input logic                   complete,
  input logic                   young_i,
  input logic                   open_i,
  input logic                   take,
  input logic                   go,
  input logic                   last,
  input logic                   with_prefix,
  input logic                   blocked,
  input logic                   room,
  input logic                   active_q,
  input logic                   first_valid_q,
  input logic                   crossed_q,
  input logic                   read_o,
  input logic                   out_valid,
  input logic                   out_pop,
  input logic                   out_full,
  input logic                   out_push_q,
  input logic [2:0]             beat,
  input logic [Functions-1:0]   c2h_valid_o,
  input logic [Functions-1:0]   c2h_ready_i,
  input farrier_pkg::delivery_t delivery_i,
  input farrier_pkg::delivery_t current
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) !(out_push_q && out_full))
    else $error("rx_egress: a beat is lost");
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(c2h_valid_o))
    else $error("rx_egress: one packet for two functions");

  // What is handed over, and how.
  cover property (@(posedge clk_i) rst_ni && take && with_prefix && !current.mark && !current.was_held);
  cover property (@(posedge clk_i) rst_ni && take && with_prefix && current.was_held);
  cover property (@(posedge clk_i) rst_ni && take && current.mark && !current.sent);
  cover property (@(posedge clk_i) rst_ni && take && current.sent);
  cover property (@(posedge clk_i) rst_ni && take && current.raw && !current.was_held);
  cover property (@(posedge clk_i) rst_ni && take && current.raw && current.was_held);
  cover property (@(posedge clk_i) rst_ni && take && last);              // a single beat
  cover property (@(posedge clk_i) rst_ni && go && active_q && crossed_q && read_o);
  cover property (@(posedge clk_i) rst_ni && go && last && beat == 3'd7);
  // What it waits for.
  cover property (@(posedge clk_i) rst_ni && valid_i && !complete && young_i);
  cover property (@(posedge clk_i) rst_ni && valid_i && !complete && !young_i && open_i);
  cover property (@(posedge clk_i) rst_ni && valid_i && complete && delivery_i.raw && young_i);
  cover property (@(posedge clk_i) rst_ni && first_valid_q && !active_q && blocked);  // its first beat
  cover property (@(posedge clk_i) rst_ni && active_q && blocked);                    // a gap on the wire
  cover property (@(posedge clk_i) rst_ni && (first_valid_q || active_q) && !room);
  cover property (@(posedge clk_i) rst_ni && valid_i && !ready_o && complete);
  for (genvar f = 0; f < Functions; f++) begin : g_function
    cover property (@(posedge clk_i) rst_ni && c2h_valid_o[f] && !c2h_ready_i[f]);
    cover property (@(posedge clk_i) rst_ni && c2h_valid_o[f] && c2h_ready_i[f]);
  end
  cover property (@(posedge clk_i) rst_ni && out_valid && !out_pop && c2h_ready_i != '0);  // another's

  logic unused;
  assign unused = ^{delivery_i, current};

endmodule

bind rx_egress rx_egress_checks #(.Functions(Functions)) u_checks (.*);
