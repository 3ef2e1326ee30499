// The exact filters: the FLOW and LISTEN tables of a packet's family are looked up at once; FLOW wins.
// Four cycles, one packet per cycle. Software reads and writes single entries meanwhile: a read waits
// for a cycle without a packet.
module filter_exact #(
  parameter int unsigned V4FlowDepth = 2048,    // entries per way
  parameter int unsigned V4ListenDepth = 512,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  input  logic                          valid_i,       // a packet with ports
  input  farrier_pkg::classify_t        classify_i,
  output logic                          hit_o,         // four cycles later: a filter matched
  output farrier_pkg::owner_t           owner_o,       // then: whose it is
  // Clearing after reset: entry clear_index_i of all ways of all tables.
  input  logic                          clear_i,
  input  logic [15:0]                   clear_index_i,
  // Software.
  input  farrier_pkg::filter_request_t  filter_i,
  output farrier_pkg::filter_response_t filter_o,
  output logic                          starved_o      // a read has waited for long
);

  // Keys are kept without the bits that no key has, LISTEN's part lowest, so that a LISTEN key is the
  // low end of the FLOW key: {source IP, source port, destination IP, destination port, VLAN, protocol}.
  localparam int unsigned Tables = 4;
  localparam int unsigned Ways = farrier_regs_pkg::FilterWays;
  localparam int unsigned V4ListenBits = 32 + 16 + 12 + 8;
  localparam int unsigned V4FlowBits = V4ListenBits + 32 + 16;
  localparam int unsigned V6ListenBits = 128 + 16 + 12 + 8;
  localparam int unsigned V6FlowBits = V6ListenBits + 128 + 16;

  // Between FILTER_KEY's words, most significant first, and a number.
  function automatic logic [127:0] reverse_words(logic [127:0] ip);
    reverse_words = {ip[31:0], ip[63:32], ip[95:64], ip[127:96]};
  endfunction

  // First cycle: the hash of each way.
  logic [319:0]          words;  // as FILTER_KEY
  logic [V6FlowBits-1:0] key;    // an IPv4 key in its low end

  always_comb begin
    key   = '0;
    words = '0;
    if (valid_i) begin
      words[31:0]  = {classify_i.src_port, classify_i.dst_port};
      words[63:32] = {12'd0, classify_i.vlan, classify_i.protocol};
      if (classify_i.ipv6) begin
        key = {classify_i.src_ip, classify_i.src_port, classify_i.dst_ip, classify_i.dst_port,
               classify_i.vlan, classify_i.protocol};
        words[191:64]  = reverse_words(classify_i.dst_ip);
        words[319:192] = reverse_words(classify_i.src_ip);
      end else begin
        key[V4FlowBits-1:0] = {classify_i.src_ip[127:96], classify_i.src_port,
                               classify_i.dst_ip[127:96], classify_i.dst_port, classify_i.vlan,
                               classify_i.protocol};
        words[95:64]  = classify_i.dst_ip[127:96];
        words[127:96] = classify_i.src_ip[127:96];
      end
    end
  end

  localparam int unsigned MaskBits = farrier_regs_pkg::FilterHashBits * farrier_regs_pkg::FilterKeyBits;
  localparam logic [Ways*MaskBits-1:0] Masks =
      {farrier_regs_pkg::FilterHashMasks3, farrier_regs_pkg::FilterHashMasks2,
       farrier_regs_pkg::FilterHashMasks1, farrier_regs_pkg::FilterHashMasks0};

  logic [16*Ways-1:0] flow_hash, listen_hash;

  for (genvar way = 0; way < Ways; way++) begin : g_hash
    filter_hash #(
      .Masks(Masks[MaskBits*way+:MaskBits])
    ) u_hash (
      .valid_i,
      .is_ipv6_i(classify_i.ipv6),
      .key_i    (words),
      .flow_o   (flow_hash[16*way+:16]),
      .listen_o (listen_hash[16*way+:16])
    );
  end

  // Second cycle: the tables' RAMs are read, for a packet or for software. Third: the keys are compared.
  // Fourth: the tables are.
  logic                  valid1_q, software1_q, software2_q, is_ipv6_1_q, is_ipv6_2_q, is_ipv6_3_q;
  logic [V6FlowBits-1:0] key1_q, key2_q;
  logic [16*Ways-1:0]    flow_hash_q, listen_hash_q;
  logic                  read_now;

  // One read at a time: not again before it is answered.
  assign read_now = filter_i.read && !valid_i && !software1_q && !software2_q && !filter_o.done;

  logic [7:0] waits_q;

  assign starved_o = waits_q == '1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !filter_i.read || read_now) waits_q <= '0;
    else if (!starved_o) waits_q <= waits_q + 8'd1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid1_q    <= 1'b0;
      software1_q <= 1'b0;
      software2_q <= 1'b0;
    end else begin
      valid1_q    <= valid_i;
      software1_q <= read_now;
      software2_q <= software1_q;
    end
    if (valid_i) begin
      is_ipv6_1_q   <= classify_i.ipv6;
      key1_q        <= key;
      flow_hash_q   <= flow_hash;
      listen_hash_q <= listen_hash;
    end else if (read_now) begin
      flow_hash_q   <= {Ways{filter_i.index}};
      listen_hash_q <= {Ways{filter_i.index}};
    end
    if (valid1_q) begin
      is_ipv6_2_q <= is_ipv6_1_q;
      key2_q      <= key1_q;
    end
    is_ipv6_3_q <= is_ipv6_2_q;
  end

  // Between FILTER_KEY's words and keys as they are kept.
  function automatic logic [319:0] words_of6(logic [V6FlowBits-1:0] flow);
    words_of6 = {reverse_words(flow[307:180]), reverse_words(flow[163:36]), 12'd0, flow[19:0],
                 flow[179:164], flow[35:20]};
  endfunction

  function automatic logic [319:0] words_of4(logic [V4FlowBits-1:0] flow);
    words_of4 = {192'd0, flow[115:84], flow[67:36], 12'd0, flow[19:0], flow[83:68], flow[35:20]};
  endfunction

  logic [V6FlowBits-1:0] write_key6;
  logic [V4FlowBits-1:0] write_key4;

  always_comb begin
    write_key6 = '0;
    write_key4 = '0;
    if (filter_i.commit) begin
      write_key6 = {reverse_words(filter_i.key[319:192]), filter_i.key[31:16],
                    reverse_words(filter_i.key[191:64]), filter_i.key[15:0], filter_i.key[51:32]};
      write_key4 = {filter_i.key[127:96], filter_i.key[31:16], filter_i.key[95:64],
                    filter_i.key[15:0], filter_i.key[51:32]};
    end
  end

  // The tables, in the order of FilterTable.
  logic [Tables-1:0]        entry_valid;
  logic [8*Tables-1:0]      entry_owner;
  logic [Ways*Tables-1:0]   match;
  logic [8*Ways*Tables-1:0] owners;
  logic [319:0]          entry_words;  // of the table that software reads
  logic [Ways-1:0]       write_ways;
  logic [15:0]           write_index;

  assign write_ways  = clear_i ? '1 : Ways'(1) << filter_i.way;
  assign write_index = clear_i ? clear_index_i : filter_i.index;

  for (genvar t = 0; t < Tables; t++) begin : g_table
    localparam bit IsV6 = t == farrier_regs_pkg::FilterTableV6Flow ||
                          t == farrier_regs_pkg::FilterTableV6Listen;
    localparam bit IsListen = t == farrier_regs_pkg::FilterTableV4Listen ||
                              t == farrier_regs_pkg::FilterTableV6Listen;
    localparam int unsigned FlowBits = IsV6 ? V6FlowBits : V4FlowBits;
    localparam int unsigned KeyBits = !IsListen ? FlowBits : IsV6 ? V6ListenBits : V4ListenBits;
    localparam int unsigned FlowDepth = IsV6 ? V6FlowDepth : V4FlowDepth;
    localparam int unsigned ListenDepth = IsV6 ? V6ListenDepth : V4ListenDepth;

    logic [FlowBits-1:0] write_key, entry_flow;
    logic [KeyBits-1:0]  entry_key;
    logic [319:0]        words_so_far, words_before;
    logic                wanted;

    // FILTER_KEY[i] is at [32 i +: 32].
    assign write_key = IsV6 ? FlowBits'(write_key6) : FlowBits'(write_key4);
    assign wanted    = software2_q && filter_i.tbl == 2'(t);

    if (t == 0) begin : g_first
      assign words_before = '0;
    end else begin : g_next
      assign words_before = g_table[t-1].words_so_far;
    end

    always_comb begin
      entry_flow   = '0;
      words_so_far = words_before;
      if (wanted) begin
        entry_flow[KeyBits-1:0] = entry_key;
        words_so_far = IsV6 ? words_of6(V6FlowBits'(entry_flow)) : words_of4(entry_flow[V4FlowBits-1:0]);
      end
    end

    // The deepest tables are cheap in URAM, where they leave a third of the block RAM to others.
    filter_table #(
      .Depth   (IsListen ? ListenDepth : FlowDepth),
      .KeyBits (KeyBits),
      .RamStyle((IsV6 || IsListen) ? "block" : "ultra")
    ) u_table (
      .clk_i,
      .rst_ni,
      .read_i       (software1_q || (valid1_q && is_ipv6_1_q == IsV6)),
      .hash_i       (IsListen ? listen_hash_q : flow_hash_q),
      .key_i        (key2_q[KeyBits-1:0]),
      .match_o      (match[Ways*t+:Ways]),
      .owners_o     (owners[8*Ways*t+:8*Ways]),
      .entry_read_i (wanted),
      .entry_way_i  (filter_i.way),
      .entry_valid_o(entry_valid[t]),
      .entry_owner_o(entry_owner[8*t+:8]),
      .entry_key_o  (entry_key),
      .write_i      (clear_i || (filter_i.commit && filter_i.tbl == 2'(t))),
      .write_ways_i (write_ways),
      .write_index_i(write_index),
      .write_valid_i(filter_i.valid && !clear_i),
      .write_owner_i(filter_i.owner),
      .write_key_i  (write_key[KeyBits-1:0])
    );

    // A LISTEN table has no source.
    logic unused_key;
    assign unused_key = ^write_key;
  end

  assign entry_words = g_table[Tables-1].words_so_far;

  // The family's tables, FLOW's ways first; the first that has the key.
  logic [2*Ways-1:0]   candidates;
  logic [8*2*Ways-1:0] candidate_owners;
  farrier_pkg::owner_t owner_d;

  always_comb begin
    candidates       = match[0+:2*Ways];
    candidate_owners = owners[0+:8*2*Ways];
    if (is_ipv6_3_q) begin
      candidates       = match[2*Ways+:2*Ways];
      candidate_owners = owners[8*2*Ways+:8*2*Ways];
    end
    owner_d = '0;
    for (int i = 2 * Ways - 1; i >= 0; i--) begin
      if (candidates[i]) owner_d = candidate_owners[8*i+:8];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      hit_o         <= 1'b0;
      filter_o.done <= 1'b0;
    end else begin
      hit_o         <= candidates != '0 && !filter_o.done;  // a read's entry is nobody's
      filter_o.done <= software2_q;
    end
    owner_o <= owner_d;
    if (software2_q) begin
      filter_o.valid <= entry_valid[filter_i.tbl];
      filter_o.owner <= entry_owner[8*filter_i.tbl+:8];
      filter_o.key   <= entry_words;
    end
  end

  // What exact filters do not look at, and do not keep.
  logic unused;
  assign unused = ^{filter_i.key[63:52], classify_i.has_ports, classify_i.ipv4, classify_i.fragment, classify_i.tunnel,
                    classify_i.bad_header, classify_i.pony, classify_i.has_vlan,
                    classify_i.ether_type, classify_i.dst_mac, classify_i.src_mac, classify_i.dscp};

endmodule
