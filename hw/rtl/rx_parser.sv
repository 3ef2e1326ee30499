// Reads what a frame's first 192 bytes say: Ethernet, VLAN tags, IPv4 with options or IPv6 with up to four
// extension headers, UDP or TCP (docs/architecture.md, "The card", is exact). A frame per cycle; the answer comes
// 6 cycles after the window's third beat, 8 at most after the first one.
//
// Also for TX: checksum_o tells what to sum up (checksum_sum) for the L4 checksum, and l3_sum is
// the IPv4 header's sum.
module rx_parser (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  // The window's beats, up to three. Bytes past the frame's end may be anything.
  input  logic                        valid_i,
  input  logic                        last_i,      // the window is complete
  input  logic [1:0]                  beat_i,
  input  logic [511:0]                data_i,
  input  farrier_pkg::rx_packet_t     packet_i,    // its size with every beat; all with the last
  input  logic [63:0]                 arrival_i,   // ns; with the last
  input  logic [15:0]                 pony_low_i,  // UDP ports of Pony; low > high: none
  input  logic [15:0]                 pony_high_i,
  output logic                        valid_o,
  output farrier_pkg::rx_packet_t     packet_o,
  output farrier_pkg::packet_meta_t   meta_o,
  output farrier_pkg::classify_t      classify_o,
  output farrier_pkg::checksum_query_t checksum_o
);

  localparam logic [7:0] ProtocolTcp = 8'd6;
  localparam logic [7:0] ProtocolUdp = 8'd17;
  localparam int unsigned TailWords = 38;  // that some header may be read at, behind l3_offset + 20
  localparam int unsigned TailBits = 32 * TailWords;

  // The first beat's part takes two cycles, in which the others may come.
  farrier_pkg::network_t network;
  logic [511:0]          first_data;

  rx_parser_network u_network (
    .clk_i,
    .rst_ni,
    .valid_i  (valid_i && beat_i == 2'd0),
    .data_i,
    .size_i   (packet_i.size),
    .network_o(network),
    .data_o   (first_data)
  );

  // A window goes on as soon as it is complete and its first beat is two cycles old.
  logic                    wait2_q, wait1_q, go;
  farrier_pkg::rx_packet_t packet2_q, packet1_q, packet;
  logic [63:0]             arrival2_q, arrival1_q, arrival;
  logic [511:0]            second_data_q;

  assign go      = wait1_q || (valid_i && last_i && beat_i == 2'd2);
  assign packet  = wait1_q ? packet1_q : packet_i;
  assign arrival = wait1_q ? arrival1_q : arrival_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wait2_q <= 1'b0;
      wait1_q <= 1'b0;
    end else begin
      wait2_q <= valid_i && last_i && beat_i == 2'd0;
      wait1_q <= wait2_q || (valid_i && last_i && beat_i == 2'd1);
    end
    packet2_q  <= packet_i;
    arrival2_q <= arrival_i;
    packet1_q  <= wait2_q ? packet2_q : packet_i;
    arrival1_q <= wait2_q ? arrival2_q : arrival_i;
    if (valid_i && beat_i == 2'd1) second_data_q <= data_i;
  end

  // What is known already waits for the walk along the headers: four extension headers, a cycle each.
  farrier_pkg::known_t begun, known;
  logic                known_full, known_valid, valid7_q;
  logic [3:0]          known_level;

  always_comb begin
    begun = '0;
    if (go) begin
      begun.packet     = packet;
      begun.arrival    = arrival;
      begun.macs       = first_data[95:0];
      begun.has_vlan   = network.has_vlan;
      begun.vlan       = network.vlan;
      begun.ether_type = network.ether_type;
      begun.ipv4       = network.ipv4;
      begun.ipv6       = network.ipv6;
      begun.dscp       = network.dscp;
      begun.dst_ip     = network.dst_ip;
      begun.src_ip     = network.src_ip;
    end
  end

  fifo #(
    .Width($bits(begun)),
    .Depth(8),
    .Waits(1'b1)
  ) u_known (
    .clk_i,
    .rst_ni,
    .push_i (go),
    .data_i (begun),
    .full_o (known_full),
    .valid_o(known_valid),
    .data_o (known),
    .pop_i  (valid7_q),
    .level_o(known_level)
  );

  // The window from 20 bytes behind the IP header's start. This and what follows is worked out only for a
  // packet: most cycles have none, and simulators skip it then.
  logic [TailBits-1:0]  tail, tail3_q, tail4_q, tail5_q, tail6_q;
  farrier_pkg::walk_t   walk, walk3_q, walk4_q, walk5_q, walk6_q, walk7_q;
  logic                 valid3_q, valid4_q, valid5_q, valid6_q;

  // `window` is from byte 34 on: the tail starts there, or four or eight bytes behind.
  function automatic logic [TailBits-1:0] tail_of(logic [TailBits+63:0] window, logic [4:0] l3_offset);
    unique case (l3_offset)
      5'd22:   tail_of = window[64+:TailBits];
      5'd18:   tail_of = window[32+:TailBits];
      default: tail_of = window[0+:TailBits];
    endcase
  endfunction

  always_comb begin
    tail = '0;
    if (go) tail = tail_of({16'd0, data_i, second_data_q, first_data[511:8*34]}, network.l3_offset);
    walk.active    = (network.ipv4 || network.ipv6) && !network.later;
    walk.bad       = network.bad;
    walk.ipv6      = network.ipv6;
    walk.fragment  = network.fragment;
    walk.routing   = 1'b0;
    walk.protocol  = network.protocol;
    walk.words     = network.ipv6 ? 12'd5 : {8'd0, network.header_words} - 12'd5;
    walk.l3_offset = network.l3_offset;
    walk.rest      = network.rest;
  end

  rx_parser_extension #(
    .TailWords(TailWords),
    .First    (1'b1)
  ) u_extension1 (
    .clk_i,
    .rst_ni,
    .valid_i(go),
    .walk_i (walk),
    .tail_i (tail),
    .valid_o(valid3_q),
    .walk_o (walk3_q),
    .tail_o (tail3_q)
  );

  rx_parser_extension #(
    .TailWords(TailWords)
  ) u_extension2 (
    .clk_i,
    .rst_ni,
    .valid_i(valid3_q),
    .walk_i (walk3_q),
    .tail_i (tail3_q),
    .valid_o(valid4_q),
    .walk_o (walk4_q),
    .tail_o (tail4_q)
  );

  rx_parser_extension #(
    .TailWords(TailWords)
  ) u_extension3 (
    .clk_i,
    .rst_ni,
    .valid_i(valid4_q),
    .walk_i (walk4_q),
    .tail_i (tail4_q),
    .valid_o(valid5_q),
    .walk_o (walk5_q),
    .tail_o (tail5_q)
  );

  rx_parser_extension #(
    .TailWords(TailWords)
  ) u_extension4 (
    .clk_i,
    .rst_ni,
    .valid_i(valid5_q),
    .walk_i (walk5_q),
    .tail_i (tail5_q),
    .valid_o(valid6_q),
    .walk_o (walk6_q),
    .tail_o (tail6_q)
  );

  // Meanwhile the sums: of the IPv4 header, whose options the tail begins with, and of the addresses.
  logic [159:0] header_q;
  logic [479:0] header_words;
  logic [21:0]  header_sum;
  logic [16:0]  header_folded_q;
  logic [19:0]  address_sum, address5_q, address6_q, address7_q;

  always_comb begin
    header_words = '0;
    if (valid3_q) begin
      for (int i = 0; i < 10; i++) begin
        header_words[16*i+:16] = farrier_pkg::swap16(header_q[16*i+:16]);
      end
      for (int i = 0; i < 20; i++) begin
        header_words[16*(10+i)+:16] =
            farrier_pkg::swap16(tail3_q[16*i+:16]) & {16{4'(i / 2) < walk3_q.words[3:0]}};
      end
    end
  end

  checksum_adder #(
    .Words(30)
  ) u_header_sum (
    .clk_i,
    .rst_ni,
    .valid_i(valid3_q),
    .words_i(header_words),
    .sum_o  (header_sum)
  );

  checksum_adder #(
    .Words(16)
  ) u_address_sum (
    .clk_i,
    .rst_ni,
    .valid_i(go),
    .words_i({network.dst_ip, network.src_ip}),
    .sum_o  (address_sum)
  );

  always_ff @(posedge clk_i) begin
    if (go) header_q <= network.header;
    header_folded_q <= {1'b0, header_sum[15:0]} + {11'd0, header_sum[21:16]};
    address5_q      <= address_sum;
    address6_q      <= address5_q;
    address7_q      <= address6_q;
  end

  // The L4 header, if the walk got there.
  logic        read7_q;
  logic [31:0] ports7_q, second7_q;
  logic [3:0]  data_offset7_q;
  logic [11:0] last_words;

  always_comb begin
    unique case (walk6_q.l3_offset)
      5'd22:   last_words = 12'((farrier_regs_pkg::ParseBytes - 20 - 22 - 20) / 4);
      5'd18:   last_words = 12'((farrier_regs_pkg::ParseBytes - 20 - 18 - 20) / 4);
      default: last_words = 12'((farrier_regs_pkg::ParseBytes - 20 - 14 - 20) / 4);
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid7_q <= 1'b0;
    else valid7_q <= valid6_q;
    if (valid6_q) begin
      walk7_q        <= walk6_q;
      read7_q        <= walk6_q.active && walk6_q.words <= last_words &&
                        (walk6_q.protocol == ProtocolTcp || walk6_q.protocol == ProtocolUdp);
      ports7_q       <= tail6_q[32*walk6_q.words[5:0]+:32];
      second7_q      <= tail6_q[32*(walk6_q.words[5:0]+6'd1)+:32];
      data_offset7_q <= tail6_q[32*(walk6_q.words[5:0]+6'd3)+4+:4];
    end
  end

  // The verdict on all of it.
  logic        udp, fits, good, has_l4, tunnel, pony;
  logic [15:0] udp_bytes, l4_bytes, src_port, dst_port, l3_sum;
  logic [7:0]  l4_offset;

  always_comb begin
    udp       = walk7_q.protocol == ProtocolUdp;
    udp_bytes = farrier_pkg::swap16(second7_q[15:0]);
    src_port  = farrier_pkg::swap16(ports7_q[15:0]);
    dst_port  = farrier_pkg::swap16(ports7_q[31:16]);
    l4_offset = {walk7_q.words[5:0], 2'b00} + 8'd20 + {3'd0, walk7_q.l3_offset};
    if (udp) begin
      fits = walk7_q.rest >= 16'd8 && udp_bytes >= 16'd8;
      good = fits && (walk7_q.fragment || udp_bytes <= walk7_q.rest);
    end else begin
      fits = walk7_q.rest >= 16'd20 && data_offset7_q >= 4'd5;
      good = fits && (walk7_q.fragment || {10'd0, data_offset7_q, 2'b00} <= walk7_q.rest);
    end
    has_l4   = read7_q && good;
    l4_bytes = udp ? udp_bytes : walk7_q.rest;
    tunnel   = has_l4 && udp && (dst_port == 16'd4789 || dst_port == 16'd6081);
    pony     = has_l4 && udp && dst_port >= pony_low_i && dst_port <= pony_high_i;
    l3_sum   = header_folded_q[15:0] + {15'd0, header_folded_q[16]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= valid7_q;
    if (valid7_q) begin
      packet_o <= known.packet;

      meta_o.arrival    <= known.arrival;
      meta_o.size       <= known.packet.size;
      meta_o.l3_offset  <= (known.ipv4 || known.ipv6) ? {3'd0, walk7_q.l3_offset} : 8'd0;
      meta_o.l4_offset  <= has_l4 ? l4_offset : 8'd0;
      meta_o.fragment   <= walk7_q.fragment;
      meta_o.tunnel     <= tunnel;
      meta_o.bad_header <= walk7_q.bad || (read7_q && !good);
      meta_o.pony       <= pony;

      classify_o.has_ports  <= has_l4 && !known.packet.malformed && !known.packet.oversize;
      classify_o.ipv4       <= known.ipv4;
      classify_o.ipv6       <= known.ipv6;
      classify_o.fragment   <= walk7_q.fragment;
      classify_o.tunnel     <= tunnel;
      classify_o.bad_header <= walk7_q.bad || (read7_q && !good);
      classify_o.pony       <= pony;
      classify_o.has_vlan   <= known.has_vlan;
      classify_o.vlan       <= known.vlan;
      classify_o.ether_type <= known.ether_type;
      classify_o.dst_mac    <= {farrier_pkg::swap32(known.macs[31:0]),
                                farrier_pkg::swap16(known.macs[47:32])};
      classify_o.src_mac    <= {farrier_pkg::swap16(known.macs[63:48]),
                                farrier_pkg::swap32(known.macs[95:64])};
      classify_o.protocol   <= walk7_q.protocol;
      classify_o.dscp       <= known.dscp;
      classify_o.dst_ip     <= known.dst_ip;
      classify_o.src_ip     <= known.src_ip;
      classify_o.dst_port   <= has_l4 ? dst_port : 16'd0;
      classify_o.src_port   <= has_l4 ? src_port : 16'd0;

      checksum_o.l3 <= farrier_regs_pkg::ChecksumStateUnchecked;
      if (known.ipv6) checksum_o.l3 <= farrier_regs_pkg::ChecksumStateNone;
      if (known.ipv4) begin
        checksum_o.l3 <= (l3_sum == '1) ? farrier_regs_pkg::ChecksumStateGood
                                        : farrier_regs_pkg::ChecksumStateBad;
      end
      checksum_o.verify <= 1'b0;
      checksum_o.l4     <= farrier_regs_pkg::ChecksumStateUnchecked;
      if (has_l4 && !walk7_q.fragment && !walk7_q.routing) begin
        if (udp && second7_q[31:16] == 16'd0) begin
          checksum_o.l4 <= (known.ipv4 || tunnel) ? farrier_regs_pkg::ChecksumStateNone
                                                  : farrier_regs_pkg::ChecksumStateBad;
        end else begin
          checksum_o.verify <= 1'b1;
        end
      end
      checksum_o.l3_sum <= l3_sum;
      checksum_o.from   <= l4_offset;
      checksum_o.to     <= {8'd0, l4_offset} + l4_bytes;
      checksum_o.seed   <= {1'b0, address7_q} + {13'd0, walk7_q.protocol} + {5'd0, l4_bytes};
    end
  end

  // The queue holds as many as can be on their way; addresses are taken from `network`.
  logic unused;
  assign unused = ^{known_full, known_valid, known_level, walk7_q.active, walk7_q.ipv6,
                    first_data[271:96]};

endmodule
