// What should be seen at the parser, bound to it: every kind of header.
module rx_parser_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        go,
  input logic        wait1_q,
  input logic        wait2_q,
  input logic        valid_i,
  input logic        valid6_q,
  input logic        valid7_q,
  input logic        valid_o,
  input farrier_pkg::network_t network,
  input farrier_pkg::walk_t    walk6_q,
  input farrier_pkg::walk_t    walk7_q,
  input farrier_pkg::known_t   known,
  input logic [11:0] last_words,
  input logic        read7_q,
  input logic        udp,
  input logic        fits,
  input logic        good,
  input logic        has_l4,
  input logic        tunnel,
  input farrier_pkg::classify_t classify_o
);

  // Ethernet and IP.
  for (genvar tags = 0; tags < 3; tags++) begin : g_tags
    cover property (@(posedge clk_i) rst_ni && go && network.ipv4 && network.l3_offset == 14 + 4 * tags);
    cover property (@(posedge clk_i) rst_ni && go && network.ipv6 && network.l3_offset == 14 + 4 * tags);
    // The last place where a UDP or TCP header may begin differs.
    cover property (@(posedge clk_i) rst_ni && valid6_q && walk6_q.active &&
                                     walk6_q.l3_offset == 14 + 4 * tags && walk6_q.words > last_words);
  end
  cover property (@(posedge clk_i) rst_ni && go && !network.ipv4 && !network.ipv6 && !network.bad);
  cover property (@(posedge clk_i) rst_ni && go && network.bad && network.ether_type == 16'h0800);
  cover property (@(posedge clk_i) rst_ni && go && network.bad && network.ether_type == 16'h86DD);
  cover property (@(posedge clk_i) rst_ni && go && network.ipv4 && network.header_words == 4'd15);
  cover property (@(posedge clk_i) rst_ni && go && network.ipv4 && network.fragment && !network.later);
  cover property (@(posedge clk_i) rst_ni && go && network.ipv4 && network.later);
  // Extension headers.
  cover property (@(posedge clk_i) rst_ni && valid7_q && known.ipv6 && walk7_q.fragment && walk7_q.active);
  cover property (@(posedge clk_i) rst_ni && valid7_q && known.ipv6 && walk7_q.fragment && !walk7_q.active);
  cover property (@(posedge clk_i) rst_ni && valid7_q && known.ipv6 && walk7_q.routing && has_l4);
  cover property (@(posedge clk_i) rst_ni && valid7_q && known.ipv6 && walk7_q.bad);
  cover property (@(posedge clk_i) rst_ni && valid7_q && known.ipv6 && has_l4 && walk7_q.words > 12'd5);
  // UDP and TCP.
  cover property (@(posedge clk_i) rst_ni && valid7_q && has_l4 && udp);
  cover property (@(posedge clk_i) rst_ni && valid7_q && has_l4 && !udp);
  cover property (@(posedge clk_i) rst_ni && valid7_q && read7_q && udp && !fits);
  cover property (@(posedge clk_i) rst_ni && valid7_q && read7_q && udp && fits && !good);
  cover property (@(posedge clk_i) rst_ni && valid7_q && read7_q && !udp && !fits);
  cover property (@(posedge clk_i) rst_ni && valid7_q && read7_q && !udp && fits && !good);
  cover property (@(posedge clk_i) rst_ni && valid7_q && walk7_q.active && !read7_q);  // another protocol
  cover property (@(posedge clk_i) rst_ni && valid7_q && has_l4 && walk7_q.fragment);
  cover property (@(posedge clk_i) rst_ni && valid7_q && tunnel);
  // Windows of one, two and three beats; one behind the other.
  cover property (@(posedge clk_i) rst_ni && go && !wait1_q);
  cover property (@(posedge clk_i) rst_ni && wait1_q && valid_i);
  cover property (@(posedge clk_i) rst_ni && wait2_q && wait1_q);
  cover property (@(posedge clk_i) rst_ni && valid_o && valid7_q);

  logic unused;
  assign unused = ^{network, walk6_q, walk7_q, known, classify_o};

endmodule

bind rx_parser rx_parser_checks u_checks (.*);
