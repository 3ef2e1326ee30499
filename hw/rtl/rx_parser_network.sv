// First part of the parser, two cycles behind a frame's first beat: Ethernet, up to two VLAN tags, the fixed
// part of IPv4's or IPv6's header and its lengths. All of that is within the first beat.
module rx_parser_network (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        valid_i,    // a frame's first beat
  input  logic [511:0]                data_i,     // bytes past the frame's end may be anything
  input  logic [15:0]                 size_i,     // of the frame
  output farrier_pkg::network_t       network_o,  // two cycles later, until the next frame's
  output logic [511:0]                data_o      // likewise
);

  function automatic logic is_tag(logic [15:0] ether_type);
    is_tag = ether_type == 16'h8100 || ether_type == 16'h88A8;
  endfunction

  // First stage: what is behind the Ethernet header, and where.
  logic         valid_q;
  logic [511:0] data_q;
  logic [4:0]   l3_offset_q;
  logic         has_vlan_q;
  logic [11:0]  vlan_q;
  logic [15:0]  ether_type_q;
  logic [15:0]  left_q;         // of the frame, from the IP header on
  logic [16:0]  left_ipv6_q;    // behind IPv6's header; negative: cut short

  logic         outer, inner;
  logic [15:0]  ether_type;
  logic [4:0]   l3_offset;
  logic [16:0]  size;

  always_comb begin
    outer = is_tag(farrier_pkg::swap16(data_i[8*12+:16])) && size_i >= 16'd18;
    inner = outer && is_tag(farrier_pkg::swap16(data_i[8*16+:16])) && size_i >= 16'd22;
    size  = {1'b0, size_i};
    if (inner) begin
      ether_type = farrier_pkg::swap16(data_i[8*20+:16]);
      l3_offset  = 5'd22;
    end else if (outer) begin
      ether_type = farrier_pkg::swap16(data_i[8*16+:16]);
      l3_offset  = 5'd18;
    end else begin
      ether_type = farrier_pkg::swap16(data_i[8*12+:16]);
      l3_offset  = 5'd14;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= valid_i;
    if (valid_i) begin
      data_q       <= data_i;
      l3_offset_q  <= l3_offset;
      has_vlan_q   <= outer;
      vlan_q       <= outer ? {data_i[8*14+:4], data_i[8*15+:8]} : 12'd0;
      ether_type_q <= ether_type;
      unique case (l3_offset)
        5'd22: begin
          left_q      <= size_i - 16'd22;
          left_ipv6_q <= size - 17'd62;
        end
        5'd18: begin
          left_q      <= size_i - 16'd18;
          left_ipv6_q <= size - 17'd58;
        end
        default: begin
          left_q      <= size_i - 16'd14;
          left_ipv6_q <= size - 17'd54;
        end
      endcase
    end
  end

  // Second stage: the IP header.
  logic [319:0] header;  // its first 40 bytes
  logic [15:0]  total_bytes, payload_bytes;
  logic [13:0]  fragment_word;  // more fragments, offset
  logic [5:0]   header_bytes;
  logic         is_ipv4, is_ipv6, ipv4, ipv6;

  always_comb begin
    header = '0;
    if (valid_q) begin
      unique case (l3_offset_q)
        5'd22:   header = data_q[8*22+:320];
        5'd18:   header = data_q[8*18+:320];
        default: header = data_q[8*14+:320];
      endcase
    end
    is_ipv4       = ether_type_q == 16'h0800;
    is_ipv6       = ether_type_q == 16'h86DD;
    header_bytes  = {header[3:0], 2'b00};
    total_bytes   = farrier_pkg::swap16(header[8*2+:16]);
    payload_bytes = farrier_pkg::swap16(header[8*4+:16]);
    fragment_word = {header[8*6+:6], header[8*7+:8]};
    // A total length that holds the header and is held by the frame: so the header is there.
    ipv4 = is_ipv4 && header[7:4] == 4'd4 && header[3:0] >= 4'd5 &&
           total_bytes >= {10'd0, header_bytes} && total_bytes <= left_q;
    ipv6 = is_ipv6 && header[7:4] == 4'd6 && !left_ipv6_q[16] && payload_bytes <= left_ipv6_q[15:0];
  end

  always_ff @(posedge clk_i) begin
    if (valid_q) begin
      data_o                <= data_q;
      network_o.l3_offset   <= l3_offset_q;
      network_o.has_vlan    <= has_vlan_q;
      network_o.vlan        <= vlan_q;
      network_o.ether_type  <= ether_type_q;
      network_o.ipv4        <= ipv4;
      network_o.ipv6        <= ipv6;
      network_o.bad         <= (is_ipv4 && !ipv4) || (is_ipv6 && !ipv6);
      network_o.fragment    <= ipv4 && fragment_word != 14'd0;
      network_o.later       <= ipv4 && fragment_word[12:0] != 13'd0;
      network_o.header_words <= header[3:0];
      network_o.protocol    <= 8'd0;
      network_o.dscp        <= 6'd0;
      network_o.dst_ip      <= '0;
      network_o.src_ip      <= '0;
      network_o.rest        <= total_bytes - {10'd0, header_bytes};
      network_o.header      <= header[159:0];
      if (ipv4) begin
        network_o.protocol <= header[8*9+:8];
        network_o.dscp     <= header[15:10];
        network_o.dst_ip   <= {farrier_pkg::swap32(header[8*16+:32]), 96'd0};
        network_o.src_ip   <= {farrier_pkg::swap32(header[8*12+:32]), 96'd0};
      end else if (ipv6) begin
        network_o.protocol <= header[8*6+:8];
        network_o.dscp     <= {header[3:0], header[15:14]};
        network_o.dst_ip   <= farrier_pkg::swap128(header[8*24+:128]);
        network_o.src_ip   <= farrier_pkg::swap128(header[8*8+:128]);
        network_o.rest     <= payload_bytes;
      end
    end
  end

endmodule
