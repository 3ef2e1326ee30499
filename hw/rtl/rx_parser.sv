// Reads Ethernet, up to two VLAN tags, IPv4 with options or IPv6, and the ports of UDP or TCP from a
// frame's first 128 bytes. Two cycles, one frame per cycle.
module rx_parser (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        valid_i,
  input  farrier_pkg::rx_packet_t     packet_i,
  input  logic [63:0]                 arrival_i,  // ns
  input  logic [1023:0]               header_i,   // bytes past the frame's end may be anything
  input  logic [15:0]                 pony_low_i, // UDP ports of Pony; low > high: none
  input  logic [15:0]                 pony_high_i,
  output logic                        valid_o,
  output farrier_pkg::rx_packet_t     packet_o,
  output farrier_pkg::packet_meta_t   meta_o,
  output farrier_pkg::classify_t      classify_o,
  output farrier_pkg::filter_query_t  query_o
);

  function automatic logic [15:0] swap16(logic [15:0] bytes);
    swap16 = {bytes[7:0], bytes[15:8]};
  endfunction

  function automatic logic [31:0] swap32(logic [31:0] bytes);
    swap32 = {bytes[7:0], bytes[15:8], bytes[23:16], bytes[31:24]};
  endfunction

  function automatic logic [127:0] swap128(logic [127:0] bytes);
    swap128 = {swap32(bytes[31:0]), swap32(bytes[63:32]), swap32(bytes[95:64]), swap32(bytes[127:96])};
  endfunction

  function automatic logic is_tag(logic [15:0] ether_type);
    is_tag = ether_type == 16'h8100 || ether_type == 16'h88A8;
  endfunction

  // First stage: what is behind the Ethernet header, and where.
  logic                    valid_q;
  farrier_pkg::rx_packet_t packet_q;
  logic [63:0]             arrival_q;
  logic                    is_ipv4_q, is_ipv6_q;
  logic [4:0]              l3_offset_q;
  logic [11:0]             vlan_q;
  logic [511:0]            network_q;  // 64 bytes from the IP header on
  logic                    tagged_q;
  logic [15:0]             ether_type_q;
  logic [95:0]             macs_q;     // destination in the upper half

  logic        outer, inner;
  logic [15:0] ether_type;
  logic [4:0]  l3_offset;

  always_comb begin
    outer = is_tag(swap16(header_i[8*12+:16])) && packet_i.size >= 16'd18;
    inner = outer && is_tag(swap16(header_i[8*16+:16])) && packet_i.size >= 16'd22;
    if (inner) begin
      ether_type = swap16(header_i[8*20+:16]);
      l3_offset  = 5'd22;
    end else if (outer) begin
      ether_type = swap16(header_i[8*16+:16]);
      l3_offset  = 5'd18;
    end else begin
      ether_type = swap16(header_i[8*12+:16]);
      l3_offset  = 5'd14;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= valid_i;
    if (valid_i) begin
      packet_q    <= packet_i;
      arrival_q   <= arrival_i;
      is_ipv4_q   <= ether_type == 16'h0800;
      is_ipv6_q   <= ether_type == 16'h86DD;
      l3_offset_q <= l3_offset;
      tagged_q     <= outer;
      ether_type_q <= ether_type;
      macs_q       <= {swap32(header_i[31:0]), swap16(header_i[47:32]),
                       swap16(header_i[63:48]), swap32(header_i[95:64])};
      vlan_q      <= outer ? {header_i[8*14+:4], header_i[8*15+:8]} : 12'd0;
      unique case (l3_offset)
        5'd22:   network_q <= header_i[8*22+:512];
        5'd18:   network_q <= header_i[8*18+:512];
        default: network_q <= header_i[8*14+:512];
      endcase
    end
  end

  // Second stage: network header and ports.
  logic        ipv4, ipv6, later_fragment, any_fragment, fits;
  logic [7:0]  protocol;
  logic [6:0]  header_bytes;
  logic [13:0] fragment_word;  // more fragments, offset
  logic [15:0] l4_offset;
  logic [31:0] ports;
  logic        has_ports, udp;

  always_comb begin
    header_bytes  = is_ipv4_q ? {1'b0, network_q[3:0], 2'b00} : 7'd40;
    l4_offset     = {11'd0, l3_offset_q} + {9'd0, header_bytes};
    fits          = packet_q.size >= l4_offset;
    ipv4          = is_ipv4_q && network_q[7:4] == 4'd4 && network_q[3:0] >= 4'd5 && fits;
    ipv6          = is_ipv6_q && network_q[7:4] == 4'd6 && fits;
    protocol      = ipv4 ? network_q[8*9+:8] : network_q[8*6+:8];
    fragment_word = {network_q[8*6+:6], network_q[8*7+:8]};
    later_fragment = ipv4 && fragment_word[12:0] != 13'd0;
    any_fragment  = (ipv4 && fragment_word[13:0] != 14'd0) || (ipv6 && protocol == 8'd44);
    // header_bytes is a multiple of 4 of at most 60.
    ports         = swap32(network_q[{header_bytes[5:2], 5'd0}+:32]);
    has_ports     = (ipv4 || ipv6) && (protocol == 8'd6 || protocol == 8'd17) && !later_fragment &&
                    packet_q.size >= l4_offset + 16'd4;
    udp           = has_ports && protocol == 8'd17;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= valid_q;
    if (valid_q) begin
      packet_o          <= packet_q;
      meta_o.arrival    <= arrival_q;
      meta_o.size       <= packet_q.size;
      meta_o.fragment   <= any_fragment;
      meta_o.l3_offset  <= (ipv4 || ipv6) ? {3'd0, l3_offset_q} : 8'd0;
      meta_o.l4_offset  <= 8'd0;
      classify_o            <= '0;
      classify_o.has_ports  <= has_ports && !packet_q.malformed && !packet_q.oversize;
      classify_o.ipv4       <= ipv4;
      classify_o.ipv6       <= ipv6;
      classify_o.fragment   <= any_fragment;
      classify_o.tunnel     <= udp && (ports[15:0] == 16'd4789 || ports[15:0] == 16'd6081);
      classify_o.pony       <= udp && ports[15:0] >= pony_low_i && ports[15:0] <= pony_high_i;
      classify_o.has_vlan    <= tagged_q;
      classify_o.vlan       <= vlan_q;
      classify_o.ether_type <= ether_type_q;
      classify_o.dst_mac    <= macs_q[95:48];
      classify_o.src_mac    <= macs_q[47:0];
      if (ipv4 || ipv6) classify_o.protocol <= protocol;
      if (has_ports) classify_o.src_port <= ports[31:16];
      if (has_ports) classify_o.dst_port <= ports[15:0];
      if (ipv4) begin
        classify_o.dscp   <= network_q[15:10];
        classify_o.dst_ip <= {swap32(network_q[8*16+:32]), 96'd0};
        classify_o.src_ip <= {swap32(network_q[8*12+:32]), 96'd0};
      end else if (ipv6) begin
        classify_o.dscp   <= {network_q[3:0], network_q[15:14]};
        classify_o.dst_ip <= swap128(network_q[8*24+:128]);
        classify_o.src_ip <= swap128(network_q[8*8+:128]);
      end
      query_o.has_ports <= 1'b0;
      query_o.is_ipv6   <= ipv6;
      query_o.key       <= '0;
      if (has_ports) begin
        meta_o.l4_offset  <= l4_offset[7:0];
        query_o.has_ports <= !packet_q.malformed && !packet_q.oversize;
        query_o.key[31:0]  <= ports;
        query_o.key[63:32] <= {12'd0, vlan_q, protocol};
        if (ipv4) begin
          query_o.key[95:64]  <= swap32(network_q[8*16+:32]);
          query_o.key[127:96] <= swap32(network_q[8*12+:32]);
        end else begin
          for (int i = 0; i < 4; i++) begin
            query_o.key[32*(2+i)+:32] <= swap32(network_q[8*(24+4*i)+:32]);
            query_o.key[32*(6+i)+:32] <= swap32(network_q[8*(8+4*i)+:32]);
          end
        end
      end
    end
  end

  // Bytes that no ports can be at.
  logic unused;
  assign unused = ^header_i[1023:688];

endmodule
