// What should be seen at each step along the extension headers, bound to it.
module rx_parser_extension_checks (
  input logic              clk_i,
  input logic              rst_ni,
  input logic              valid_i,
  input logic              is_extension,
  input logic              is_fragment,
  input logic              in_window,
  input logic              whole,
  input logic [12:0]       fragment_offset,
  input farrier_pkg::walk_t walk_i
);

  logic steps;
  assign steps = valid_i && walk_i.active && walk_i.ipv6 && is_extension;

  cover property (@(posedge clk_i) rst_ni && steps && in_window && whole && !is_fragment);
  cover property (@(posedge clk_i) rst_ni && steps && in_window && whole && is_fragment &&
                                   fragment_offset == '0);
  cover property (@(posedge clk_i) rst_ni && steps && in_window && whole && is_fragment &&
                                   fragment_offset != '0);
  cover property (@(posedge clk_i) rst_ni && steps && in_window && !whole);
  cover property (@(posedge clk_i) rst_ni && steps && !in_window);
  cover property (@(posedge clk_i) rst_ni && valid_i && walk_i.active && walk_i.ipv6 && !is_extension);

  logic unused;
  assign unused = ^walk_i;

endmodule

bind rx_parser_extension rx_parser_extension_checks u_checks (.*);
