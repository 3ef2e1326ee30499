// Finds a packet's owner: the FLOW and LISTEN tables of its family at once; FLOW wins, and without
// a match it is the default owner's. Three cycles, one packet per cycle. Software reads and writes
// single entries meanwhile: a read waits for a cycle without a packet.
//
// To come beside the exact tables: the ternary rules, for what has no match here.
module rx_filter #(
  parameter int unsigned V4FlowDepth = 2048,    // entries per way
  parameter int unsigned V4ListenDepth = 2048,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       valid_i,
  input  farrier_pkg::rx_packet_t    packet_i,
  input  farrier_pkg::filter_query_t query_i,
  output logic                       valid_o,
  output farrier_pkg::rx_packet_t    packet_o,
  output logic                       hit_o,            // a filter matched
  output logic [7:0]                 owner_o,          // then: whose it is
  // Clearing after reset: entry clear_index_i of all ways of all tables.
  input  logic                       clear_i,
  input  logic [15:0]                clear_index_i,
  // Software.
  input  logic                       commit_i,         // for one cycle: install or clear
  input  logic                       read_i,           // held until read_done_o
  input  logic [1:0]                 command_table_i,
  input  logic [1:0]                 command_way_i,
  input  logic [15:0]                command_index_i,  // within the table's depth
  input  logic                       command_valid_i,
  input  logic [7:0]                 command_owner_i,
  input  logic [319:0]               command_key_i,
  output logic                       read_done_o,      // for one cycle
  output logic                       read_valid_o,     // with it: the entry
  output logic [7:0]                 read_owner_o,
  output logic [319:0]               read_key_o
);

  // Stage 0: hashes.
  logic [63:0] flow_hash, listen_hash;
  logic        look_up;

  assign look_up = valid_i && query_i.has_ports;

  filter_hash #(
    .Masks(farrier_regs_pkg::FilterHashMasks0)
  ) u_hash0 (
    .valid_i  (look_up),
    .is_ipv6_i(query_i.is_ipv6),
    .key_i    (query_i.key),
    .flow_o   (flow_hash[15:0]),
    .listen_o (listen_hash[15:0])
  );

  filter_hash #(
    .Masks(farrier_regs_pkg::FilterHashMasks1)
  ) u_hash1 (
    .valid_i  (look_up),
    .is_ipv6_i(query_i.is_ipv6),
    .key_i    (query_i.key),
    .flow_o   (flow_hash[31:16]),
    .listen_o (listen_hash[31:16])
  );

  filter_hash #(
    .Masks(farrier_regs_pkg::FilterHashMasks2)
  ) u_hash2 (
    .valid_i  (look_up),
    .is_ipv6_i(query_i.is_ipv6),
    .key_i    (query_i.key),
    .flow_o   (flow_hash[47:32]),
    .listen_o (listen_hash[47:32])
  );

  filter_hash #(
    .Masks(farrier_regs_pkg::FilterHashMasks3)
  ) u_hash3 (
    .valid_i  (look_up),
    .is_ipv6_i(query_i.is_ipv6),
    .key_i    (query_i.key),
    .flow_o   (flow_hash[63:48]),
    .listen_o (listen_hash[63:48])
  );

  // Stage 1: the tables' RAMs are read, for a packet or for software.
  logic                       valid1_q, look1_q, software1_q;
  farrier_pkg::rx_packet_t    packet1_q;
  farrier_pkg::filter_query_t query1_q;
  logic [63:0]                flow_hash_q, listen_hash_q;
  logic                       read_pending;

  // One read at a time: not again before it is answered.
  logic software2_q;
  assign read_pending = read_i && !software1_q && !software2_q && !read_done_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid1_q    <= 1'b0;
      look1_q     <= 1'b0;
      software1_q <= 1'b0;
    end else begin
      valid1_q    <= valid_i;
      look1_q     <= look_up;
      software1_q <= read_pending && !valid_i;
    end
    if (valid_i) packet1_q <= packet_i;
    if (look_up) begin
      query1_q      <= query_i;
      flow_hash_q   <= flow_hash;
      listen_hash_q <= listen_hash;
    end else if (read_pending && !valid_i) begin
      flow_hash_q   <= {4{command_index_i}};
      listen_hash_q <= {4{command_index_i}};
    end
  end

  // Stage 2: the keys are compared.
  logic                    valid2_q, look2_q, is_ipv6_2_q;
  farrier_pkg::rx_packet_t packet2_q;
  logic [319:0]            key2_q, listen_key2_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid2_q    <= 1'b0;
      look2_q     <= 1'b0;
      software2_q <= 1'b0;
    end else begin
      valid2_q    <= valid1_q;
      look2_q     <= look1_q;
      software2_q <= software1_q;
    end
    if (valid1_q) packet2_q <= packet1_q;
    if (look1_q) begin
      key2_q        <= query1_q.key;
      listen_key2_q <= {128'd0, query1_q.is_ipv6 ? query1_q.key[191:96] : 96'd0,
                         query1_q.key[95:32], 16'd0, query1_q.key[15:0]};
      is_ipv6_2_q   <= query1_q.is_ipv6;
    end
  end

  // The tables.
  logic [3:0]   table_read, table_hit, table_write, entry_valid;
  logic [31:0]  table_owner, entry_owner;
  logic [3:0]   ways;
  logic [127:0] entry_key_v4_flow, entry_key_v4_listen;
  logic [319:0] entry_key_v6_flow, entry_key_v6_listen;
  logic [15:0]  write_index;
  logic         write_valid;

  always_comb begin
    table_read[1:0] = {2{look1_q && !query1_q.is_ipv6}};
    table_read[3:2] = {2{look1_q && query1_q.is_ipv6}};
    if (software1_q) table_read = 4'b1111;
    ways        = clear_i ? 4'b1111 : 4'b0001 << command_way_i;
    table_write = clear_i ? 4'b1111 : (commit_i ? 4'b0001 << command_table_i : 4'b0000);
    write_index = clear_i ? clear_index_i : command_index_i;
    write_valid = command_valid_i && !clear_i;
  end

  filter_table #(
    .Depth  (V4FlowDepth),
    .KeyBits(128)
  ) u_v4_flow (
    .clk_i,
    .rst_ni,
    .read_i       (table_read[0]),
    .hash_i       (flow_hash_q),
    .key_i        (key2_q[127:0]),
    .hit_o        (table_hit[0]),
    .owner_o      (table_owner[7:0]),
    .entry_way_i  (command_way_i),
    .entry_valid_o(entry_valid[0]),
    .entry_owner_o(entry_owner[7:0]),
    .entry_key_o  (entry_key_v4_flow),
    .write_i      (table_write[0]),
    .write_ways_i (ways),
    .write_index_i(write_index),
    .write_valid_i(write_valid),
    .write_owner_i(command_owner_i),
    .write_key_i  (command_key_i[127:0])
  );

  filter_table #(
    .Depth  (V4ListenDepth),
    .KeyBits(128)
  ) u_v4_listen (
    .clk_i,
    .rst_ni,
    .read_i       (table_read[1]),
    .hash_i       (listen_hash_q),
    .key_i        (listen_key2_q[127:0]),
    .hit_o        (table_hit[1]),
    .owner_o      (table_owner[15:8]),
    .entry_way_i  (command_way_i),
    .entry_valid_o(entry_valid[1]),
    .entry_owner_o(entry_owner[15:8]),
    .entry_key_o  (entry_key_v4_listen),
    .write_i      (table_write[1]),
    .write_ways_i (ways),
    .write_index_i(write_index),
    .write_valid_i(write_valid),
    .write_owner_i(command_owner_i),
    .write_key_i  (command_key_i[127:0])
  );

  filter_table #(
    .Depth  (V6FlowDepth),
    .KeyBits(320)
  ) u_v6_flow (
    .clk_i,
    .rst_ni,
    .read_i       (table_read[2]),
    .hash_i       (flow_hash_q),
    .key_i        (key2_q),
    .hit_o        (table_hit[2]),
    .owner_o      (table_owner[23:16]),
    .entry_way_i  (command_way_i),
    .entry_valid_o(entry_valid[2]),
    .entry_owner_o(entry_owner[23:16]),
    .entry_key_o  (entry_key_v6_flow),
    .write_i      (table_write[2]),
    .write_ways_i (ways),
    .write_index_i(write_index),
    .write_valid_i(write_valid),
    .write_owner_i(command_owner_i),
    .write_key_i  (command_key_i)
  );

  filter_table #(
    .Depth  (V6ListenDepth),
    .KeyBits(320)
  ) u_v6_listen (
    .clk_i,
    .rst_ni,
    .read_i       (table_read[3]),
    .hash_i       (listen_hash_q),
    .key_i        (listen_key2_q),
    .hit_o        (table_hit[3]),
    .owner_o      (table_owner[31:24]),
    .entry_way_i  (command_way_i),
    .entry_valid_o(entry_valid[3]),
    .entry_owner_o(entry_owner[31:24]),
    .entry_key_o  (entry_key_v6_listen),
    .write_i      (table_write[3]),
    .write_ways_i (ways),
    .write_index_i(write_index),
    .write_valid_i(write_valid),
    .write_owner_i(command_owner_i),
    .write_key_i  (command_key_i)
  );

  // Stage 3: the verdict.
  logic look3_q, is_ipv6_3_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o     <= 1'b0;
      look3_q     <= 1'b0;
      read_done_o <= 1'b0;
    end else begin
      valid_o     <= valid2_q;
      look3_q     <= look2_q;
      read_done_o <= software2_q;
    end
    if (valid2_q) packet_o <= packet2_q;
    if (look2_q) is_ipv6_3_q <= is_ipv6_2_q;
    if (software2_q) begin
      read_valid_o <= entry_valid[command_table_i];
      read_owner_o <= entry_owner[8*command_table_i+:8];
      unique case (command_table_i)
        farrier_regs_pkg::FilterTableV4Flow: read_key_o <= {192'd0, entry_key_v4_flow};
        farrier_regs_pkg::FilterTableV4Listen: read_key_o <= {192'd0, entry_key_v4_listen};
        farrier_regs_pkg::FilterTableV6Flow: read_key_o <= entry_key_v6_flow;
        default: read_key_o <= entry_key_v6_listen;
      endcase
    end
  end

  always_comb begin
    hit_o   = 1'b0;
    owner_o = 8'd0;
    if (look3_q) begin
      if (is_ipv6_3_q) begin
        hit_o   = table_hit[2] || table_hit[3];
        owner_o = table_hit[2] ? table_owner[23:16] : table_owner[31:24];
      end else begin
        hit_o   = table_hit[0] || table_hit[1];
        owner_o = table_hit[0] ? table_owner[7:0] : table_owner[15:8];
      end
    end
  end

  logic unused;
  assign unused = query1_q.has_ports;

endmodule
