// What should be seen of the verdicts on checksums, bound to where they are made.
module rx_checksum_checks (
  input logic                    clk_i,
  input logic                    rst_ni,
  input logic                    valid_o,
  input farrier_pkg::checksums_t checksums_o,
  input farrier_pkg::checksum_tag_t summed_tag,
  input logic                    beat_valid,
  input logic                    query_valid,
  input logic                    open_o
);

  for (genvar i = 0; i < 4; i++) begin : g_state
    cover property (@(posedge clk_i) rst_ni && valid_o && checksums_o.l3 == i);
    cover property (@(posedge clk_i) rst_ni && valid_o && checksums_o.l4 == i);
  end
  cover property (@(posedge clk_i) rst_ni && valid_o && !summed_tag.verify &&
                                   checksums_o.l4 == farrier_regs_pkg::ChecksumStateBad);  // none, over IPv6
  cover property (@(posedge clk_i) rst_ni && beat_valid && !query_valid);
  cover property (@(posedge clk_i) rst_ni && query_valid && !beat_valid);
  cover property (@(posedge clk_i) rst_ni && open_o);

  logic unused;
  assign unused = ^summed_tag;

endmodule

bind rx_checksum rx_checksum_checks u_checks (.*);
