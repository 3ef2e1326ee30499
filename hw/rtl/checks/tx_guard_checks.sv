// What should be seen at the TX guard, bound to it: what it lets pass, and each kind of violation.
module tx_guard_checks (
  input logic       clk_i,
  input logic       rst_ni,
  input logic       valid_q,
  input logic       is_arp,
  input logic [7:0] mac_hit,
  input logic [7:0] sender_hit,
  input logic [7:0] ipv4_hit,
  input logic [7:0] ipv6_hit,
  input farrier_pkg::classify_t classify_q,
  input farrier_pkg::tx_arp_t   arp_q,
  input logic       valid_i,
  input logic       valid_o,
  input logic       violation_o,
  input logic       access_valid_i,
  input logic       commit,
  input logic       look,
  input logic       looked_q,
  input logic       exists,
  input logic       is_read,
  input logic [1:0] kind_q
);

  logic good, arp;
  assign good = valid_q && !classify_q.has_vlan && !classify_q.bad_header && mac_hit != '0;
  assign arp  = good && is_arp && arp_q.good;

  // It passes.
  cover property (@(posedge clk_i) rst_ni && valid_o && !violation_o);
  cover property (@(posedge clk_i) rst_ni && good && classify_q.ipv4 && ipv4_hit != '0);
  cover property (@(posedge clk_i) rst_ni && good && classify_q.ipv6 && ipv6_hit != '0);
  cover property (@(posedge clk_i) rst_ni && arp && sender_hit != '0 && ipv4_hit != '0);
  cover property (@(posedge clk_i) rst_ni && arp && sender_hit != '0 && arp_q.sender_ip == '0);
  // It does not.
  cover property (@(posedge clk_i) rst_ni && valid_o && violation_o);
  cover property (@(posedge clk_i) rst_ni && valid_q && classify_q.has_vlan && mac_hit != '0);
  cover property (@(posedge clk_i) rst_ni && valid_q && classify_q.bad_header && mac_hit != '0);
  cover property (@(posedge clk_i) rst_ni && valid_q && mac_hit == '0);
  cover property (@(posedge clk_i) rst_ni && good && classify_q.ipv4 && ipv4_hit == '0);
  cover property (@(posedge clk_i) rst_ni && good && classify_q.ipv6 && ipv6_hit == '0);
  cover property (@(posedge clk_i) rst_ni && good && !classify_q.ipv4 && !classify_q.ipv6 && !is_arp);
  cover property (@(posedge clk_i) rst_ni && good && is_arp && !arp_q.good);
  cover property (@(posedge clk_i) rst_ni && arp && sender_hit == '0);
  cover property (@(posedge clk_i) rst_ni && arp && sender_hit != '0 && ipv4_hit == '0 &&
                                   arp_q.sender_ip != '0);
  // Entries.
  for (genvar i = 0; i < 8; i++) begin : g_entry
    cover property (@(posedge clk_i) rst_ni && good && mac_hit[i]);
  end
  for (genvar i = 0; i < 4; i++) begin : g_kind
    cover property (@(posedge clk_i) rst_ni && !looked_q && kind_q == i);
  end
  cover property (@(posedge clk_i) rst_ni && commit && valid_i);          // changed beside a frame
  cover property (@(posedge clk_i) rst_ni && look);
  cover property (@(posedge clk_i) rst_ni && access_valid_i && is_read && exists && valid_i && !looked_q);

  logic unused;
  assign unused = ^{classify_q, arp_q};

endmodule

bind tx_guard tx_guard_checks u_checks (.*);
