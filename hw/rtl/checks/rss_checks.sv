// What should be seen at RSS, bound to it.
module rss_checks (
  input logic       clk_i,
  input logic       rst_ni,
  input logic [2:0] state_q,
  input logic       bank_q,
  input logic [1:0] stale_q,
  input logic       started_q,
  input logic       building,
  input logic       valid_i,
  input logic       valid1_q,
  input logic       bank1_q,
  input logic       accepted,
  input logic       is_key,
  input logic       is_table,
  input logic       is_commit,
  input farrier_pkg::block_request_t block_i,
  input farrier_pkg::classify_t classify_i
);

  fsm_arcs #(
    .States(7),  // Init, First, Second, Load, Build, Idle, Read
    .Arcs  (49'b0100000_1000010_0100000_0010000_0001000_0000100_0000010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  // Both halves change places between two packets: with new shares, and with those of before.
  cover property (@(posedge clk_i) rst_ni && accepted && is_commit && stale_q[!bank_q]);
  cover property (@(posedge clk_i) rst_ni && accepted && is_commit && !stale_q[!bank_q]);
  cover property (@(posedge clk_i) rst_ni && valid1_q && bank1_q != bank_q);  // one under way meanwhile
  cover property (@(posedge clk_i) rst_ni && valid_i && bank_q);
  cover property (@(posedge clk_i) rst_ni && valid_i && started_q && building);
  cover property (@(posedge clk_i) rst_ni && accepted && is_key && block_i.write);
  cover property (@(posedge clk_i) rst_ni && accepted && is_table && block_i.write);
  cover property (@(posedge clk_i) rst_ni && accepted && is_key && !block_i.write);
  cover property (@(posedge clk_i) rst_ni && accepted && is_table && !block_i.write);

  // What is hashed.
  logic ports;
  assign ports = classify_i.has_ports && !classify_i.fragment;
  cover property (@(posedge clk_i) rst_ni && valid_i && classify_i.ipv4 && ports);
  cover property (@(posedge clk_i) rst_ni && valid_i && classify_i.ipv4 && !ports);
  cover property (@(posedge clk_i) rst_ni && valid_i && classify_i.ipv6 && ports);
  cover property (@(posedge clk_i) rst_ni && valid_i && classify_i.ipv6 && !ports);
  cover property (@(posedge clk_i) rst_ni && valid_i && classify_i.fragment && classify_i.has_ports);
  cover property (@(posedge clk_i) rst_ni && valid_i && !classify_i.ipv4 && !classify_i.ipv6);

  logic unused;
  assign unused = ^{classify_i, block_i};

endmodule

bind rss rss_checks u_checks (.*);
