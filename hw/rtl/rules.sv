// The ternary rules: software's registers, and the writer that puts a rule into the RAMs of rule_match, value
// by value, while the rule is disabled. A second copy of these RAMs, in one, tells the writer what the
// other rules have at the same place. What a rule was written as is kept for reading back.
// Four cycles, one packet per cycle.
module rules (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  output logic                         ready_o,       // set up after reset
  // Packets.
  input  logic                         valid_i,
  input  farrier_pkg::classify_t       classify_i,
  output logic                         match_o,       // four cycles later: a rule matches
  output farrier_pkg::rule_action_t    action_o,      // then: what it says
  input  logic                         count_i,       // in that cycle: it counts as a hit
  // Software: RULE_*.
  input  logic                         block_valid_i, // held until done
  input  farrier_pkg::block_request_t  block_i,
  output farrier_pkg::block_response_t block_o
);

  localparam int unsigned Rules = farrier_regs_pkg::Rules;
  localparam logic [4:0] Words = 5'(farrier_regs_pkg::RuleWords);
  localparam logic [2:0] LastChunkOfWord = 3'(farrier_pkg::RuleChunksOfWord - 1);
  localparam logic [3:0] LastPortChunk = 4'(farrier_pkg::RulePortChunks - 1);

  // Places of a rule's words, staged and kept: RULE_VALUE from 0 on, ports, action, RULE_MASK from 16 on, and
  // what its hits were before it was installed.
  localparam logic [4:0] SrcPorts = 5'd13;
  localparam logic [4:0] DstPorts = 5'd14;
  localparam logic [4:0] Action = 5'd15;
  localparam logic [4:0] Mask = 5'd16;
  localparam logic [4:0] HitsLo = 5'd29;
  localparam logic [4:0] HitsHi = 5'd30;

  typedef enum logic [3:0] {
    StateClear,   // the staged words and the hits, after reset
    StateIdle,
    StateRead,    // a staged word for software
    StateKeep,    // the staged words are kept, one per cycle; the rule is disabled
    StateValue,   // a word's value is read ...
    StateMask,    // ... and its mask
    StateFetch,   // both are here
    StateWrite,   // the word's chunks are written, one value of one chunk per cycle
    StateLast,    // the last of them
    StateEnable,
    StateLoad,    // the kept words are staged, one per cycle
    StateLoaded,
    StateDone
  } state_e;

  state_e           state_q;
  logic [5:0]       rule_q;      // that is being written or read
  logic [5:0]       step_q;      // of a copy, or of clearing
  logic [4:0]       word_q;      // whose chunks are written
  logic [3:0]       chunk_q;     // of the word
  logic [4:0]       value_q;     // of the chunk
  logic [Rules-1:0] enabled_q;
  logic [63:0]      hits_q;      // for RULE_HITS
  logic             installed_q; // for RULE_STATE

  // Which register.
  logic       is_staged, is_commit, is_read, is_state, is_hits_lo, is_hits_hi, exists, accepted;
  logic [4:0] place;
  logic [31:0] staged_data;

  always_comb begin
    is_staged = 1'b1;
    place     = block_i.address[6:2];
    if (block_i.address >= farrier_regs_pkg::RegRuleValue &&
        block_i.address < farrier_regs_pkg::RegRuleValue + 20'(4 * Words)) begin
      place = 5'((block_i.address - farrier_regs_pkg::RegRuleValue) >> 2);
    end else if (block_i.address >= farrier_regs_pkg::RegRuleMask &&
                 block_i.address < farrier_regs_pkg::RegRuleMask + 20'(4 * Words)) begin
      place = Mask + 5'((block_i.address - farrier_regs_pkg::RegRuleMask) >> 2);
    end else begin
      unique case (block_i.address)
        farrier_regs_pkg::RegRuleSrcPorts: place = SrcPorts;
        farrier_regs_pkg::RegRuleDstPorts: place = DstPorts;
        farrier_regs_pkg::RegRuleAction: place = Action;
        default: is_staged = 1'b0;
      endcase
    end
    is_commit  = block_i.write && block_i.address == farrier_regs_pkg::RegRuleCommit;
    is_read    = block_i.write && block_i.address == farrier_regs_pkg::RegRuleRead;
    is_state   = !block_i.write && block_i.address == farrier_regs_pkg::RegRuleState;
    is_hits_lo = !block_i.write && block_i.address == farrier_regs_pkg::RegRuleHitsLo;
    is_hits_hi = !block_i.write && block_i.address == farrier_regs_pkg::RegRuleHitsHi;
    exists     = {24'd0, block_i.data[farrier_regs_pkg::RuleCommandIndexLsb+:8]} < Rules;
    accepted   = block_valid_i && state_q == StateIdle;

    // Bits that mean nothing are not kept.
    staged_data = block_i.data;
    unique case (place)
      5'd3, Mask + 5'd3: staged_data = block_i.data & 32'h1FFF_FFFF;
      5'd4, Mask + 5'd4: staged_data = block_i.data & 32'h007F_3FFF;
      Action: staged_data = block_i.data & 32'h003F_03FF;
      default: ;
    endcase
  end

  // Staged words.
  logic        staged_write, staged_read;
  logic [4:0]  staged_write_at, staged_read_at;
  logic [31:0] staged_write_data, staged_word, kept_word;

  always_comb begin
    staged_write      = accepted && block_i.write && is_staged;
    staged_write_at   = place;
    staged_write_data = staged_data;
    if (state_q == StateClear) begin
      staged_write      = 1'b1;
      staged_write_at   = step_q[4:0];
      staged_write_data = '0;
    end else if (state_q == StateLoad && step_q != '0) begin
      staged_write      = 1'b1;
      staged_write_at   = 5'(step_q - 6'd1);
      staged_write_data = kept_word;
    end
    staged_read    = accepted || state_q == StateKeep || state_q == StateValue || state_q == StateMask ||
                     state_q == StateLast;
    staged_read_at = place;
    unique case (state_q)
      StateKeep: staged_read_at = step_q[4:0];
      StateValue: staged_read_at = word_q;
      StateMask: staged_read_at = Mask + word_q;
      StateLast: staged_read_at = Action;
      default: ;
    endcase
  end

  ram_1r1w #(
    .Width(32),
    .Depth(32)
  ) u_staged (
    .clk_i,
    .write_i(staged_write),
    .waddr_i(staged_write_at),
    .wdata_i(staged_write_data),
    .read_i (staged_read),
    .raddr_i(staged_read_at),
    .rdata_o(staged_word)
  );

  // Kept words.
  logic [63:0] hits_now;
  logic [31:0] kept_data;
  logic [4:0]  kept_at;

  always_comb begin
    kept_at   = 5'(step_q - 6'd1);
    kept_data = staged_word;
    if (kept_at == HitsLo) kept_data = hits_now[31:0];
    if (kept_at == HitsHi) kept_data = hits_now[63:32];
  end

  ram_1r1w #(
    .Width(32),
    .Depth(32 * Rules)
  ) u_kept (
    .clk_i,
    .write_i(state_q == StateKeep && step_q != '0),
    .waddr_i({rule_q, kept_at}),
    .wdata_i(kept_data),
    .read_i (state_q == StateLoad),
    .raddr_i({rule_q, step_q[4:0]}),
    .rdata_o(kept_word)
  );

  // The writer: what one value of one chunk means for the rule.
  logic        is_port, fits, writing_q, write_fits_q;
  logic [31:0] wanted_q, mask_q;  // a word's value and mask, or a range of ports
  logic [34:0] wanted_bits, mask_bits;
  logic [6:0]  place_chunk, write_chunk_q;
  logic [4:0]  write_value_q;
  logic [3:0]  low_digit, high_digit;
  logic [63:0] others, written;

  always_comb begin
    is_port     = word_q >= Words;
    wanted_bits = {3'd0, wanted_q};
    mask_bits   = {3'd0, mask_q};
    low_digit   = wanted_q[{1'b0, ~chunk_q[3:2], 2'd0}+:4];
    high_digit  = wanted_q[{1'b1, ~chunk_q[3:2], 2'd0}+:4];
    place_chunk = 7'(word_q) * 7'(farrier_pkg::RuleChunksOfWord) + {3'd0, chunk_q};
    fits        = 1'b1;
    if (is_port) begin
      place_chunk = 7'(Words) * 7'(farrier_pkg::RuleChunksOfWord) + {3'd0, chunk_q};
      if (word_q == DstPorts) place_chunk = place_chunk + 7'(farrier_pkg::RulePortChunks);
      unique case (chunk_q[1:0])
        2'd0: fits = value_q[3:0] > low_digit;
        2'd1: fits = value_q[3:0] >= low_digit;
        2'd2: fits = value_q[3:0] < high_digit;
        default: fits = value_q[3:0] <= high_digit;
      endcase
    end else begin
      fits = ((value_q ^ wanted_bits[5*chunk_q[2:0]+:5]) & mask_bits[5*chunk_q[2:0]+:5]) == 5'd0;
    end
    written         = others;
    written[rule_q] = write_fits_q;
  end

  ram_1r1w #(
    .Width(Rules),
    .Depth(4096)
  ) u_all (
    .clk_i,
    .write_i(writing_q),
    .waddr_i({write_chunk_q, write_value_q}),
    .wdata_i(written),
    .read_i (state_q == StateWrite),
    .raddr_i({place_chunk, value_q}),
    .rdata_o(others)
  );

  // Packets.
  logic       any;
  logic [5:0] index, index_q;

  rule_match u_match (
    .clk_i,
    .rst_ni,
    .valid_i,
    .classify_i,
    .any_o        (any),
    .index_o      (index),
    .write_i      (writing_q),
    .write_chunk_i(write_chunk_q),
    .write_value_i(write_value_q),
    .write_rules_i(written),
    .enabled_i    (enabled_q)
  );

  ram_1r1w #(
    .Width($bits(action_o)),
    .Depth(Rules)
  ) u_actions (
    .clk_i,
    .write_i(state_q == StateEnable),
    .waddr_i(rule_q),
    .wdata_i({staged_word[farrier_regs_pkg::RuleActionHasOwnerLsb],
              staged_word[farrier_regs_pkg::RuleActionOwnerLsb+:8],
              staged_word[farrier_regs_pkg::RuleActionDropLsb],
              staged_word[farrier_regs_pkg::RuleActionPacingClassLsb+:6]}),
    .read_i (any),
    .raddr_i(index),
    .rdata_o(action_o)
  );

  event_counter #(
    .Events(Rules)
  ) u_hits (
    .clk_i,
    .rst_ni,
    .clear_i      (state_q == StateClear),
    .clear_event_i(step_q),
    .add_i        (match_o && count_i),
    .event_i      (index_q),
    .amount_i     (1'b1),
    .read_i       (state_q == StateKeep || state_q == StateLoad),
    .read_event_i (rule_q),
    .value_o      (hits_now)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q     <= StateClear;
      step_q      <= '0;
      enabled_q   <= '0;
      writing_q   <= 1'b0;
      installed_q <= 1'b0;
      hits_q      <= '0;
      match_o     <= 1'b0;
    end else begin
      match_o   <= any;
      writing_q <= state_q == StateWrite;
      unique case (state_q)
        StateClear: begin
          step_q <= step_q + 6'd1;
          if (step_q == '1) state_q <= StateIdle;
        end
        StateIdle: begin
          step_q <= '0;
          if (block_valid_i) begin
            if (is_commit && exists) begin
              enabled_q[block_i.data[farrier_regs_pkg::RuleCommandIndexLsb+:6]] <= 1'b0;
              state_q <= block_i.data[farrier_regs_pkg::RuleCommandValidLsb] ? StateKeep : StateDone;
            end else if (is_read && exists) begin
              state_q <= StateLoad;
            end else if (is_staged && !block_i.write) begin
              state_q <= StateRead;
            end
          end
        end
        StateKeep: begin
          step_q <= step_q + 6'd1;
          if (step_q == 6'd32) state_q <= StateValue;
        end
        StateValue: state_q <= is_port ? StateFetch : StateMask;
        StateMask: state_q <= StateFetch;
        StateFetch: state_q <= StateWrite;
        StateWrite: begin
          if (value_q == '1 && chunk_q == (is_port ? LastPortChunk : {1'b0, LastChunkOfWord})) begin
            state_q <= word_q == DstPorts ? StateLast : StateValue;
          end
        end
        StateLast: state_q <= StateEnable;
        StateEnable: begin
          enabled_q[rule_q] <= 1'b1;
          state_q           <= StateDone;
        end
        StateLoad: begin
          step_q <= step_q + 6'd1;
          if (step_q == 6'd32) state_q <= StateLoaded;
          if (step_q == {1'b0, HitsLo} + 6'd1) hits_q[31:0] <= kept_word;
          if (step_q == {1'b0, HitsHi} + 6'd1) hits_q[63:32] <= kept_word;
        end
        StateLoaded: begin
          installed_q <= enabled_q[rule_q];
          hits_q      <= hits_now - hits_q;
          state_q     <= StateDone;
        end
        default: state_q <= StateIdle;
      endcase
    end
    index_q       <= index;
    write_chunk_q <= place_chunk;
    write_value_q <= value_q;
    write_fits_q  <= fits;
    unique case (state_q)
      StateIdle: begin
        rule_q <= block_i.data[farrier_regs_pkg::RuleCommandIndexLsb+:6];
        word_q <= '0;
      end
      StateMask: wanted_q <= staged_word;
      StateFetch: begin
        if (is_port) wanted_q <= staged_word;
        mask_q  <= staged_word;
        chunk_q <= '0;
        value_q <= '0;
      end
      StateWrite: begin
        value_q <= value_q + 5'd1;
        if (value_q == '1) begin
          chunk_q <= chunk_q + 4'd1;
          if (chunk_q == (is_port ? LastPortChunk : {1'b0, LastChunkOfWord})) word_q <= word_q + 5'd1;
        end
      end
      default: ;
    endcase
  end

  assign ready_o = state_q != StateClear;

  always_comb begin
    block_o.bad  = 1'b0;
    block_o.data = '0;
    block_o.done = state_q == StateDone;
    if (state_q == StateRead) begin
      block_o.done = 1'b1;
      block_o.data = staged_word;
    end else if (accepted) begin
      if (is_staged) begin
        block_o.done = block_i.write;
      end else if (is_state || is_hits_lo || is_hits_hi) begin
        block_o.done = 1'b1;
        if (is_state) block_o.data = {31'd0, installed_q};
        if (is_hits_lo) block_o.data = hits_q[31:0];
        if (is_hits_hi) block_o.data = hits_q[63:32];
      end else if (!((is_commit || is_read) && exists)) begin
        block_o.done = 1'b1;
        block_o.bad  = 1'b1;
      end
    end
  end

endmodule
