// Receive-side scaling: the Toeplitz hash of a packet's addresses (and ports, where it has them and is no
// fragment), and the entry of the indirection table that the hash points to. Key and table exist
// twice: in use, and staged for software. RSS_COMMIT computes the shares of a new key (toeplitz.sv)
// while packets go on under the old one, then both change places. Four cycles, one packet per cycle.
module rss (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  output logic                         ready_o,      // set up after reset
  // Packets.
  input  logic                         valid_i,
  input  farrier_pkg::classify_t       classify_i,
  output logic [31:0]                  hash_o,       // four cycles later; 0 if it is not IP
  output logic [3:0]                   entry_o,
  // Software: RSS_*.
  input  logic                         block_valid_i,
  input  farrier_pkg::block_request_t  block_i,
  output farrier_pkg::block_response_t block_o
);

  localparam int unsigned KeyWords = farrier_regs_pkg::RssKeyWords;
  localparam int unsigned TableWords = farrier_regs_pkg::RssEntries / 8;
  localparam logic [5:0]  LastByte = 6'd35;

  // Microsoft's key, first word in the upper bits.
  localparam logic [32*KeyWords-1:0] ResetKey =
      320'h6d5a56da_255b0ec2_4167253d_43a38fb0_d0ca2bcb_ae7b30b4_77cb2da3_8030f20c_6a42b73b_beac01fa;

  typedef enum logic [2:0] {
    StateInit,    // key and table of both banks are written, a word per cycle
    StateFirst,   // the key's first word is read
    StateSecond,  // ... and the second
    StateLoad,    // ... and the third, to be there when it is wanted
    StateBuild,   // shares are written, one per cycle
    StateIdle,
    StateRead     // a word for software
  } state_e;

  state_e      state_q;
  logic        bank_q;       // in use
  logic        started_q;    // the first shares are built
  logic [1:0]  stale_q;      // per bank: its shares are not its key's
  logic        build_bank_q;
  logic [6:0]  init_q;       // bank, word of the table
  logic [5:0]  byte_q;
  logic [7:0]  value_q;
  logic [3:0]  key_word_q;   // to be read next
  logic [63:0] window_q;     // the key from this byte on, in the upper bits

  assign ready_o = started_q;

  // Which register.
  logic       is_key, is_table, is_commit, accepted;
  logic [3:0] at_key;
  logic [5:0] at_table;

  always_comb begin
    is_key = block_i.address >= farrier_regs_pkg::RegRssKey &&
             block_i.address < farrier_regs_pkg::RegRssKey + 20'(4 * KeyWords);
    is_table = block_i.address >= farrier_regs_pkg::RegRssTable &&
               block_i.address < farrier_regs_pkg::RegRssTable + 20'(4 * TableWords);
    is_commit = block_i.write && block_i.address == farrier_regs_pkg::RegRssCommit;
    at_key   = block_i.address[5:2];
    at_table = 6'((block_i.address - farrier_regs_pkg::RegRssTable) >> 2);
    accepted = block_valid_i && state_q == StateIdle;
  end

  // Keys: ten words for each bank.
  logic        key_write, key_read;
  logic [4:0]  key_write_at, key_read_at;
  logic [31:0] key_write_data, key_word;

  ram_1r1w #(
    .Width(32),
    .Depth(32)
  ) u_keys (
    .clk_i,
    .write_i(key_write),
    .waddr_i(key_write_at),
    .wdata_i(key_write_data),
    .read_i (key_read),
    .raddr_i(key_read_at),
    .rdata_o(key_word)
  );

  logic initial_key;  // within StateInit: a word of the key, too

  always_comb begin
    initial_key    = state_q == StateInit && init_q[5:0] < 6'(KeyWords);
    key_write      = initial_key || (accepted && block_i.write && is_key);
    key_write_at   = {!bank_q, at_key};
    key_write_data = block_i.data;
    if (initial_key) begin
      key_write_at   = {init_q[6], init_q[3:0]};
      key_write_data = ResetKey[32*(KeyWords-1-{28'd0, init_q[3:0]})+:32];
    end
    key_read    = 1'b0;
    key_read_at = {build_bank_q, key_word_q};
    unique case (state_q)
      StateFirst, StateSecond, StateLoad: key_read = 1'b1;
      StateBuild: key_read = value_q == '1 && byte_q[1:0] == 2'd3;
      StateIdle: begin
        key_read    = accepted;
        key_read_at = {!bank_q, at_key};
      end
      default: ;
    endcase
  end

  // The table: eight entries per word; a second copy for software's reading.
  logic        table_write, look_up_q;
  logic [6:0]  table_write_at, table_read_at;
  logic [31:0] table_write_data, table_word, software_word;

  always_comb begin
    table_write      = state_q == StateInit || (accepted && block_i.write && is_table);
    table_write_at   = state_q == StateInit ? init_q : {!bank_q, at_table};
    table_write_data = block_i.data;
    if (state_q == StateInit) table_write_data = init_q[0] ? 32'hFEDCBA98 : 32'h76543210;
  end

  ram_1r1w #(
    .Width(32),
    .Depth(2 * TableWords)
  ) u_table (
    .clk_i,
    .write_i(table_write),
    .waddr_i(table_write_at),
    .wdata_i(table_write_data),
    .read_i (look_up_q),
    .raddr_i(table_read_at),
    .rdata_o(table_word)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(2 * TableWords)
  ) u_table_software (
    .clk_i,
    .write_i(table_write),
    .waddr_i(table_write_at),
    .wdata_i(table_write_data),
    .read_i (accepted),
    .raddr_i({!bank_q, at_table}),
    .rdata_o(software_word)
  );

  // Shares, one per cycle.
  logic [31:0] share;

  always_comb begin
    share = '0;
    for (int j = 0; j < 8; j++) begin
      if (value_q[7-j]) share = share ^ window_q[63-j-:32];
    end
  end

  logic building;
  assign building = state_q == StateBuild;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q      <= StateInit;
      bank_q       <= 1'b0;
      started_q    <= 1'b0;
      stale_q      <= 2'b11;
      build_bank_q <= 1'b0;
      init_q       <= '0;
    end else begin
      unique case (state_q)
        StateInit: begin
          init_q <= init_q + 7'd1;
          if (init_q == '1) state_q <= StateFirst;
        end
        StateFirst: state_q <= StateSecond;
        StateSecond: state_q <= StateLoad;
        StateLoad: state_q <= StateBuild;
        StateBuild: begin
          if (value_q == '1 && byte_q == LastByte) begin
            state_q               <= StateIdle;
            stale_q[build_bank_q] <= 1'b0;
            started_q             <= 1'b1;
          end
        end
        StateIdle: begin
          if (block_valid_i) begin
            if (is_commit) begin
              if (stale_q[!bank_q]) begin
                state_q      <= StateFirst;
                build_bank_q <= !bank_q;
              end else begin
                bank_q <= !bank_q;
              end
            end else if (!block_i.write) begin
              state_q <= StateRead;
            end else if (is_key) begin
              stale_q[!bank_q] <= 1'b1;
            end
          end
        end
        default: state_q <= StateIdle;
      endcase
    end
    unique case (state_q)
      StateInit, StateIdle: begin
        byte_q     <= '0;
        value_q    <= '0;
        key_word_q <= '0;
      end
      StateFirst: key_word_q <= key_word_q + 4'd1;
      StateSecond: begin
        key_word_q      <= key_word_q + 4'd1;
        window_q[63:32] <= key_word;
      end
      StateLoad: begin
        key_word_q     <= key_word_q + 4'd1;
        window_q[31:0] <= key_word;
      end
      StateBuild: begin
        value_q <= value_q + 8'd1;
        if (value_q == '1) begin
          byte_q   <= byte_q + 6'd1;
          window_q <= {window_q[55:0], 8'd0};
          if (byte_q[1:0] == 2'd3) begin
            window_q[31:0] <= key_word;
            key_word_q     <= key_word_q + 4'd1;
          end
        end
      end
      default: ;
    endcase
  end

  always_comb begin
    block_o.bad  = 1'b1;
    block_o.data = '0;
    // A commit comes here again when the shares are built.
    block_o.done = accepted && block_i.write && !(is_commit && stale_q[!bank_q]);
    if (state_q == StateRead) begin
      block_o.done = 1'b1;
      block_o.bad  = !(is_key || is_table);
      if (is_key) block_o.data = key_word;
      if (is_table) block_o.data = software_word;
    end else if (is_key || is_table || is_commit) begin
      block_o.bad = 1'b0;
    end
  end

  // Packets: the hash, then the table; both of one bank.
  logic [287:0] hashed;
  logic [31:0]  ports, hash, hash3_q;
  logic         valid1_q, valid3_q, bank1_q, bank2_q;

  always_comb begin
    ports = (classify_i.has_ports && !classify_i.fragment)
          ? {classify_i.src_port, classify_i.dst_port} : 32'd0;
    hashed = '0;
    if (valid_i && classify_i.ipv6) begin
      hashed = {classify_i.src_ip, classify_i.dst_ip, ports};
    end else if (valid_i && classify_i.ipv4) begin
      hashed[287:192] = {classify_i.src_ip[127:96], classify_i.dst_ip[127:96], ports};
    end
  end

  toeplitz u_toeplitz (
    .clk_i,
    .valid_i,
    .bank_i        (bank_q),
    .data_i        (hashed),
    .hash_o        (hash),
    .write_i       (building),
    .write_bank_i  (build_bank_q),
    .write_byte_i  (byte_q),
    .write_value_i (value_q),
    .write_share_i (share)
  );

  assign table_read_at = {bank2_q, hash[8:3]};

  always_ff @(posedge clk_i) begin
    valid1_q  <= valid_i;
    look_up_q <= valid1_q;
    valid3_q  <= look_up_q;
    if (valid_i) bank1_q <= bank_q;
    if (valid1_q) bank2_q <= bank1_q;
    if (look_up_q) hash3_q <= hash;
    if (valid3_q) begin
      hash_o  <= hash3_q;
      entry_o <= table_word[{hash3_q[2:0], 2'd0}+:4];
    end
  end

  logic unused;
  assign unused = ^{classify_i.tunnel, classify_i.bad_header, classify_i.pony, classify_i.has_vlan,
                    classify_i.vlan, classify_i.ether_type, classify_i.dst_mac, classify_i.src_mac,
                    classify_i.protocol, classify_i.dscp};

endmodule
