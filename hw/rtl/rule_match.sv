// Finds the lowest ternary rule that a packet matches. The key is cut into chunks of up to five bits; for
// every value of a chunk a small RAM has a bit per rule: this value will do. The bits of all chunks
// are anded. A port is cut into four digits, and its RAMs say how a digit compares with the
// ends of each rule's range. Three cycles, one packet per cycle.
module rule_match (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   valid_i,
  input  farrier_pkg::classify_t classify_i,
  output logic                   any_o,          // three cycles later: a rule matches
  output logic [5:0]             index_o,        // this one
  // One value of one chunk, for all rules.
  input  logic                   write_i,
  input  logic [6:0]             write_chunk_i,  // see farrier_pkg::RuleChunksOfWord
  input  logic [4:0]             write_value_i,
  input  logic [63:0]            write_rules_i,
  // Rules that may match.
  input  logic [63:0]            enabled_i
);

  localparam int unsigned Rules = farrier_regs_pkg::Rules;
  localparam int unsigned Words = farrier_regs_pkg::RuleWords;
  localparam int unsigned ChunksOfWord = farrier_pkg::RuleChunksOfWord;
  localparam int unsigned KeyChunks = Words * ChunksOfWord;
  localparam int unsigned PortChunks = farrier_pkg::RulePortChunks;
  localparam int unsigned Chunks = KeyChunks + 2 * PortChunks;

  // The packet as RULE_VALUE describes it.
  logic [32*Words-1:0] key;

  always_comb begin
    key = '0;
    if (valid_i) begin
      key = {reverse_words(classify_i.src_ip), reverse_words(classify_i.dst_ip), 160'd0};
      key[32*0+:32] = classify_i.dst_mac[31:0];
      key[32*1+:32] = {classify_i.dst_mac[47:32], classify_i.src_mac[47:32]};
      key[32*2+:32] = classify_i.src_mac[31:0];
      key[32*3+:32] = {3'd0, classify_i.has_vlan, classify_i.vlan, classify_i.ether_type};
      key[32*4+:32] = {9'd0, classify_i.pony, classify_i.has_ports, classify_i.bad_header,
                       classify_i.tunnel, classify_i.fragment, classify_i.ipv6, classify_i.ipv4,
                       2'd0, classify_i.dscp, classify_i.protocol};
    end
  end

  function automatic logic [127:0] reverse_words(logic [127:0] ip);
    reverse_words = {ip[31:0], ip[63:32], ip[95:64], ip[127:96]};
  endfunction

  for (genvar i = 0; i < Chunks; i++) begin : g_chunk
    localparam int unsigned Word = i / ChunksOfWord;
    localparam int unsigned Lsb = 5 * (i % ChunksOfWord);
    localparam int unsigned Port = (i - KeyChunks) / PortChunks;
    localparam int unsigned Digit = (i - KeyChunks) % PortChunks / 4;
    localparam int unsigned Relation = (i - KeyChunks) % 4;

    logic [4:0]       value;
    logic [Rules-1:0] fits;  // bits of all rules; ones where there is no such chunk

    if (i >= KeyChunks) begin : g_port
      if (Port == 0) begin : g_src
        assign value = {1'b0, classify_i.src_port[12-4*Digit+:4]};
      end else begin : g_dst
        assign value = {1'b0, classify_i.dst_port[12-4*Digit+:4]};
      end
    end else if (Lsb == 30) begin : g_rest
      assign value = {3'd0, key[32*Word+30+:2]};
    end else begin : g_key
      assign value = key[32*Word+Lsb+:5];
    end

    // The upper bits of words 3 and 4 are no part of the key. In a last digit, "greater" and "less" do
    // not count.
    if ((i < KeyChunks && ((Word == 3 && Lsb >= 29) || (Word == 4 && Lsb >= 23))) ||
        (i >= KeyChunks && Digit == 3 && Relation % 2 == 0)) begin : g_none
      assign fits = '1;

      logic unused_value;
      assign unused_value = ^{value, fits};
    end else begin : g_ram
      // URAM, which nothing else wants: as LUT RAM they would be a tenth of all the card's LUTs.
      ram_1r1w #(
        .Width(Rules),
        .Depth(32),
        .Style("ultra")
      ) u_fits (
        .clk_i,
        .write_i(write_i && write_chunk_i == 7'(i)),
        .waddr_i(write_value_i),
        .wdata_i(write_rules_i),
        .read_i (valid_i),
        .raddr_i(value),
        .rdata_o(fits)
      );
    end
  end

  // Second cycle: everything must fit.
  logic             valid1_q;
  logic [Rules-1:0] match_d, match_q;

  // Signal by signal: put together in one vector they would make simulation slow.
  for (genvar i = 0; i < KeyChunks; i++) begin : g_key_fits
    logic [Rules-1:0] so_far;
    if (i == 0) begin : g_first
      assign so_far = valid1_q ? enabled_i & g_chunk[i].fits : '0;
    end else begin : g_next
      assign so_far = valid1_q ? g_key_fits[i-1].so_far & g_chunk[i].fits : '0;
    end
  end

  for (genvar port = 0; port < 2; port++) begin : g_port_fits
    // From the last digit up: greater, or equal so far and what follows is.
    for (genvar i = 0; i < 4; i++) begin : g_digit
      localparam int unsigned Chunk = KeyChunks + PortChunks * port + 4 * (3 - i);
      logic [Rules-1:0] low, high;
      if (i == 0) begin : g_last
        assign low  = g_chunk[Chunk+1].fits;
        assign high = g_chunk[Chunk+3].fits;
      end else begin : g_upper
        assign low  = (g_chunk[Chunk+1].fits & g_digit[i-1].low) | g_chunk[Chunk].fits;
        assign high = (g_chunk[Chunk+3].fits & g_digit[i-1].high) | g_chunk[Chunk+2].fits;
      end
    end
  end

  assign match_d = !valid1_q ? '0
                             : g_key_fits[KeyChunks-1].so_far & g_port_fits[0].g_digit[3].low &
                                   g_port_fits[0].g_digit[3].high & g_port_fits[1].g_digit[3].low &
                                   g_port_fits[1].g_digit[3].high;

  // Third cycle: the lowest.
  logic             any_d;
  logic [5:0]       index_d;
  logic [Rules-1:0] lowest;

  lowest_set #(
    .Width(Rules)
  ) u_lowest (
    .bits_i (match_q),
    .any_o  (any_d),
    .one_o  (lowest),
    .index_o(index_d)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid1_q <= 1'b0;
      match_q  <= '0;
      any_o    <= 1'b0;
    end else begin
      valid1_q <= valid_i;
      match_q  <= match_d;
      any_o    <= any_d;
    end
    index_o <= index_d;
  end

  logic unused;
  assign unused = ^{lowest, key[32*3+29+:3], key[32*4+23+:9]};

endmodule
