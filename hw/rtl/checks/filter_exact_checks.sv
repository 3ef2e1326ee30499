// What should be seen at the exact filters, bound to them.
module filter_exact_checks #(
  parameter int unsigned Tables = 4,
  parameter int unsigned Ways = 4
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   valid_i,
  input logic                   valid1_q,
  input logic                   clear_i,
  input logic                   starved_o,
  input logic                   hit_o,
  input logic                   is_ipv6_3_q,
  input logic [Ways*Tables-1:0] match,
  input logic [2*Ways-1:0]      candidates,
  input farrier_pkg::filter_request_t  filter_i,
  input farrier_pkg::filter_response_t filter_o
);

  // Which tables match, two cycles behind their reading.
  logic [2:0] valid_q;
  always_ff @(posedge clk_i) valid_q <= !rst_ni ? '0 : {valid_q[1:0], valid_i};

  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   hit_o |-> $past(valid_q[2])) else $error("filter_exact: a hit of no packet");

  for (genvar t = 0; t < Tables; t++) begin : g_table
    for (genvar way = 0; way < Ways; way++) begin : g_way
      cover property (@(posedge clk_i) rst_ni && valid_q[2] && (is_ipv6_3_q == (t >= 2)) &&
                                       match[Ways*t+way]);
    end
    cover property (@(posedge clk_i) rst_ni && filter_i.commit && filter_i.valid && filter_i.tbl == t);
    cover property (@(posedge clk_i) rst_ni && filter_i.commit && !filter_i.valid && filter_i.tbl == t);
    cover property (@(posedge clk_i) rst_ni && filter_i.read && filter_o.done && filter_o.valid &&
                                     filter_i.tbl == t);
  end
  cover property (@(posedge clk_i) rst_ni && valid_q[2] && candidates == '0);  // a miss
  cover property (@(posedge clk_i) rst_ni && valid_q[2] && candidates[0+:Ways] != '0 &&
                                   candidates[Ways+:Ways] != '0);              // FLOW before LISTEN
  cover property (@(posedge clk_i) rst_ni && filter_i.commit && valid1_q && !clear_i);  // update in a lookup
  cover property (@(posedge clk_i) rst_ni && filter_i.read && valid_i);        // a read waits
  cover property (@(posedge clk_i) rst_ni && filter_o.done && !filter_o.valid);
  cover property (@(posedge clk_i) rst_ni && starved_o);

  logic unused;
  assign unused = ^{filter_i, filter_o};

endmodule

bind filter_exact filter_exact_checks #(.Tables(Tables), .Ways(Ways)) u_checks (.*);
