// The CSR window: global registers are here; owner rows, filters, credits, counters and the blocks with
// tables of their own are asked.
module csr #(
  parameter int unsigned Functions = 2,
  parameter int unsigned Queues = 16,
  parameter int unsigned HoldCells = 8192,
  parameter int unsigned TxCells = 0,
  parameter int unsigned PacingSlots = 0,
  parameter int unsigned V4FlowDepth = 2048,
  parameter int unsigned V4ListenDepth = 512,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic [63:0]             time_i,            // ns
  input  logic [47:0]             mac_i,             // byte 0 of the address in the upper bits
  input  logic                    link_i,            // the wire is up
  // Accesses.
  input  logic                    request_i,         // held until done_o
  input  logic                    write_i,
  input  logic [31:0]             address_i,         // byte offset in the window
  input  logic [31:0]             data_i,
  output logic                    done_o,            // for one cycle
  output logic [31:0]             data_o,
  // Configuration.
  output farrier_pkg::config_t    config_o,
  output logic                    changed_o,         // a global register was written
  // Credits.
  output logic                    doorbell_o,
  input  logic                    doorbell_ready_i,  // else accesses wait
  output logic [5:0]              doorbell_queue_o,  // 16 f + q
  output logic [15:0]             doorbell_count_o,
  output logic [3:0]              reset_credits_o,   // per function
  // Who answers by himself.
  output farrier_pkg::owner_request_t   owner_o,
  input  farrier_pkg::owner_response_t  owner_i,
  output farrier_pkg::filter_request_t  filter_o,
  input  farrier_pkg::filter_response_t filter_i,
  output logic [farrier_pkg::Blocks-1:0] block_valid_o,  // held until done
  output farrier_pkg::block_request_t   block_o,
  input  farrier_pkg::block_response_t [farrier_pkg::Blocks-1:0] block_i,
  // Counters.
  input  logic                    snapshot_done_i,   // the snapshot an owner operation started
  output logic [5:0]              counter_word_o,
  output logic                    counter_global_o,
  input  logic [31:0]             counter_i,
  output logic                    bad_o              // for one cycle: a bad access
);

  typedef enum logic [2:0] {
    StateIdle,
    StateOwner,     // waits for the owner table
    StateSnapshot,  // waits for the counters
    StateFilter,    // waits for the filters
    StateBlock,     // waits for a block
    StateDone       // a request's last cycle
  } state_e;

  state_e       state_q;
  logic [31:0]  epoch_q, scratch_q, time_hi_q, watchdog_us_q, drain_gap_q, data_q;
  logic [7:0]   default_owner_q;
  logic [3:0]   disabled_q, raw_q, guard_q;  // disabled, so that reset is all zeros
  logic [31:0]  pony_ports_q;       // {high, low}
  logic [41:0]  watchdog_ns_q;
  logic [319:0] key_q;
  logic [8:0]   value_q;            // {valid, owner}
  logic [1:0]   lease_state_q, lease_function_q;
  logic [11:0]  lease_generation_q;

  // Where the access goes.
  logic [19:0] at;
  logic        in_window, is_row, is_owner_counter, is_global_counter, is_key, is_function, is_depth;
  logic [3:0]  key_index;
  logic [1:0]  index;
  logic        queue_exists, fits_depth;
  logic [16:0] depth;
  logic [1:0]  table_index;

  always_comb begin
    at        = address_i[19:0];
    in_window = address_i[31:20] == 12'd0 && at[1:0] == 2'b00;
    index     = at[3:2];
    is_row    = in_window && at[19:14] == 6'b000100 && at[5] == 1'b0;
    is_owner_counter = in_window && at >= farrier_regs_pkg::RegOwnerCounters &&
        at < farrier_regs_pkg::RegOwnerCounters + 20'(8 * farrier_regs_pkg::OwnerCounters);
    is_global_counter = in_window && at >= farrier_regs_pkg::RegGlobalCounters &&
        at < farrier_regs_pkg::RegGlobalCounters + 20'(8 * farrier_regs_pkg::GlobalCounters);
    is_key = in_window && at >= farrier_regs_pkg::RegFilterKey &&
        at < farrier_regs_pkg::RegFilterKey + 20'(4 * farrier_regs_pkg::FilterKeyWords);
    key_index   = at[5:2];
    is_function = in_window && at >= farrier_regs_pkg::RegFunctionControl &&
        at < farrier_regs_pkg::RegFunctionControl + 20'(4 * Functions);
    is_depth    = in_window && at >= farrier_regs_pkg::RegFilterDepth &&
        at < farrier_regs_pkg::RegFilterDepth + 20'd16;

    queue_exists =
        {30'd0, data_i[farrier_regs_pkg::CreditDoorbellFunctionLsb+:2]} < Functions &&
        {28'd0, data_i[farrier_regs_pkg::CreditDoorbellQueueLsb+:4]} < Queues;

    table_index = is_depth ? index : data_i[farrier_regs_pkg::FilterCommandTableLsb+:2];
    unique case (table_index)
      farrier_regs_pkg::FilterTableV4Flow: depth = 17'(V4FlowDepth);
      farrier_regs_pkg::FilterTableV4Listen: depth = 17'(V4ListenDepth);
      farrier_regs_pkg::FilterTableV6Flow: depth = 17'(V6FlowDepth);
      default: depth = 17'(V6ListenDepth);
    endcase
    fits_depth = {1'b0, data_i[farrier_regs_pkg::FilterCommandIndexLsb+:16]} < depth;
  end

  // Blocks by address. Arrays are decoded whole; what a block lacks it calls bad.
  logic                is_block;
  farrier_pkg::block_e block;

  always_comb begin
    is_block = in_window;
    block    = farrier_pkg::BlockTx;
    if (at[19:6] == 14'h0005 || at[19:6] == 14'h0006 || at[19:6] == 14'h0007) begin
      block = farrier_pkg::BlockRules;
    end else if (at[19:9] == 11'h002) begin
      block = farrier_pkg::BlockRss;
    end else if (at[19:5] == 15'h0004) begin
      block = farrier_pkg::BlockHeartbeat;
    end else if (!(at[19:5] == 15'h0005 || at[19:8] == 12'h006 || at[19:9] == 11'h004 ||
                   (at[19:14] == 6'b000100 && at[5]))) begin
      is_block = 1'b0;
    end
  end

  // Reads that are answered here.
  logic        read_known;
  logic [31:0] read_data;

  always_comb begin
    read_known = in_window;
    read_data  = '0;
    if (!request_i) begin
      read_known = 1'b0;
    end else if (is_owner_counter || is_global_counter) begin
      read_data = counter_i;
    end else if (is_key) begin
      read_data = key_q[32*key_index+:32];
    end else if (is_function) begin
      read_data[farrier_regs_pkg::FunctionControlEnableLsb] = !disabled_q[index];
      read_data[farrier_regs_pkg::FunctionControlRawLsb]    = raw_q[index];
      read_data[farrier_regs_pkg::FunctionControlGuardLsb]  = guard_q[index];
    end else if (is_depth) begin
      read_data = {15'd0, depth};
    end else begin
      unique case (at)
        farrier_regs_pkg::RegMagic: read_data = farrier_regs_pkg::Magic;
        farrier_regs_pkg::RegVersion: read_data = farrier_regs_pkg::Version;
        farrier_regs_pkg::RegCapabilities: begin
          read_data[farrier_regs_pkg::CapabilitiesExactFiltersLsb] = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesHoldLsb]         = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesPacingLsb]       = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesTxChecksumLsb]   = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesTxGuardLsb]      = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesRssLsb]          = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesTernaryLsb]      = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesHeartbeatLsb]    = 1'b1;
          read_data[farrier_regs_pkg::CapabilitiesRxChecksumLsb]   = 1'b1;
        end
        farrier_regs_pkg::RegEpoch: read_data = epoch_q;
        farrier_regs_pkg::RegFunctions: read_data = Functions;
        farrier_regs_pkg::RegQueues: read_data = Queues;
        farrier_regs_pkg::RegHoldCells: read_data = HoldCells;
        farrier_regs_pkg::RegTxCells: read_data = TxCells;
        farrier_regs_pkg::RegPacingSlots: read_data = PacingSlots;
        farrier_regs_pkg::RegPonyPorts: read_data = pony_ports_q;
        farrier_regs_pkg::RegMtu: read_data = farrier_regs_pkg::MaxPacketBytes;
        farrier_regs_pkg::RegMacLo: read_data = mac_i[31:0];
        farrier_regs_pkg::RegMacHi: read_data = {16'd0, mac_i[47:32]};
        farrier_regs_pkg::RegLink: read_data = {31'd0, link_i};
        farrier_regs_pkg::RegTimeLo: read_data = time_i[31:0];
        farrier_regs_pkg::RegTimeHi: read_data = time_hi_q;
        farrier_regs_pkg::RegScratch: read_data = scratch_q;
        farrier_regs_pkg::RegLease: begin
          read_data[farrier_regs_pkg::SwitchWordStateLsb+:2]       = lease_state_q;
          read_data[farrier_regs_pkg::SwitchWordFunctionLsb+:2]    = lease_function_q;
          read_data[farrier_regs_pkg::SwitchWordGenerationLsb+:12] = lease_generation_q;
        end
        farrier_regs_pkg::RegDefaultOwner: read_data = {24'd0, default_owner_q};
        farrier_regs_pkg::RegWatchdogUs: read_data = watchdog_us_q;
        farrier_regs_pkg::RegDrainGapNs: read_data = drain_gap_q;
        farrier_regs_pkg::RegFilterValue: begin
          read_data[farrier_regs_pkg::FilterValueOwnerLsb+:8] = value_q[7:0];
          read_data[farrier_regs_pkg::FilterValueValidLsb]    = value_q[8];
        end
        default: read_known = 1'b0;
      endcase
    end
    if (!read_known) read_data = '0;
  end

  // Writes that are known, whoever they are for.
  logic write_known;

  always_comb begin
    write_known = in_window;
    if (!(is_key || is_function)) begin
      unique case (at)
        farrier_regs_pkg::RegEpoch, farrier_regs_pkg::RegScratch, farrier_regs_pkg::RegLease,
        farrier_regs_pkg::RegDefaultOwner, farrier_regs_pkg::RegWatchdogUs,
        farrier_regs_pkg::RegDrainGapNs, farrier_regs_pkg::RegFilterValue,
        farrier_regs_pkg::RegPonyPorts: ;
        farrier_regs_pkg::RegCredit: write_known = in_window && queue_exists;
        farrier_regs_pkg::RegFilterCommit, farrier_regs_pkg::RegFilterRead: begin
          write_known = in_window && fits_depth;
        end
        farrier_regs_pkg::RegCounterSnapshot: write_known = in_window && data_i[31:8] == 24'd0;
        default: begin
          write_known = is_row && (at[4:2] == 3'd0 || at[4:2] == 3'd1);
        end
      endcase
    end
  end

  logic start, start_write, is_snapshot, to_owner;

  always_comb begin
    start       = request_i && state_q == StateIdle && doorbell_ready_i;
    start_write = start && write_i && write_known;
    is_snapshot = in_window && at == farrier_regs_pkg::RegCounterSnapshot;
    to_owner    = start && ((is_row && (!write_i || write_known)) || (start_write && is_snapshot));

    owner_o.valid = state_q == StateOwner;
    owner_o.owner = is_snapshot ? data_i[7:0] : at[13:6];
    owner_o.word  = at[4:2];
    owner_o.data  = data_i;
    owner_o.op    = farrier_pkg::OwnerOpRead;
    if (is_snapshot) owner_o.op = farrier_pkg::OwnerOpSnapshot;
    else if (write_i) begin
      owner_o.op = (at[4:2] == 3'd0) ? farrier_pkg::OwnerOpSwitch : farrier_pkg::OwnerOpQuota;
    end

    block_valid_o        = '0;
    block_valid_o[block] = state_q == StateBlock;
    block_o.write        = write_i;
    block_o.address      = at;
    block_o.data         = data_i;

    doorbell_o       = start_write && at == farrier_regs_pkg::RegCredit;
    doorbell_queue_o = {data_i[farrier_regs_pkg::CreditDoorbellFunctionLsb+:2],
                        data_i[farrier_regs_pkg::CreditDoorbellQueueLsb+:4]};
    doorbell_count_o = data_i[farrier_regs_pkg::CreditDoorbellCountLsb+:16];
    reset_credits_o  = '0;
    if (start_write && is_function) begin
      reset_credits_o[index] = data_i[farrier_regs_pkg::FunctionControlResetCreditsLsb];
    end
    changed_o        = start_write;

    filter_o.commit = start_write && at == farrier_regs_pkg::RegFilterCommit;
    filter_o.read   = state_q == StateFilter;
    filter_o.tbl    = data_i[farrier_regs_pkg::FilterCommandTableLsb+:2];
    filter_o.way    = data_i[farrier_regs_pkg::FilterCommandWayLsb+:2];
    filter_o.index  = data_i[farrier_regs_pkg::FilterCommandIndexLsb+:16];
    filter_o.valid  = data_i[farrier_regs_pkg::FilterCommandValidLsb];
    filter_o.owner  = value_q[7:0];
    filter_o.key    = key_q;

    counter_word_o   = at[7:2];
    counter_global_o = is_global_counter;

  end

  // Yosys knows no field of an element that a signal picks.
  farrier_pkg::block_response_t chosen;
  assign chosen = block_i[block];

  always_comb begin
    bad_o = (start && !is_block && (write_i ? !write_known : !(read_known || is_row))) ||
            (state_q == StateOwner && owner_i.done && owner_i.bad) ||
            (state_q == StateBlock && chosen.done && chosen.bad);
    done_o = state_q == StateDone;
    data_o = data_q;
  end

  always_comb begin
    config_o.default_owner = default_owner_q;
    config_o.watchdog_ns   = watchdog_ns_q;
    config_o.drain_gap_ns  = drain_gap_q;
    config_o.enabled       = ~disabled_q & 4'((1 << Functions) - 1);
    config_o.raw           = raw_q;
    config_o.guard         = guard_q;
    config_o.pony_low      = pony_ports_q[farrier_regs_pkg::PortRangeLowLsb+:16];
    config_o.pony_high     = pony_ports_q[farrier_regs_pkg::PortRangeHighLsb+:16];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q            <= StateIdle;
      epoch_q            <= '0;
      scratch_q          <= '0;
      time_hi_q          <= '0;
      default_owner_q    <= '0;
      watchdog_us_q      <= 32'd10_000_000;
      drain_gap_q        <= '0;
      disabled_q         <= '0;
      raw_q              <= '0;
      guard_q            <= '0;
      pony_ports_q       <= 32'd1;
      key_q              <= '0;
      value_q            <= '0;
      lease_state_q      <= '0;
      lease_function_q   <= '0;
      lease_generation_q <= '0;
    end else begin
      unique case (state_q)
        StateIdle: begin
          if (start && is_block) state_q <= StateBlock;
          else if (to_owner) state_q <= StateOwner;
          else if (start_write && at == farrier_regs_pkg::RegFilterRead) state_q <= StateFilter;
          else if (start) state_q <= StateDone;
        end
        StateOwner: if (owner_i.done) state_q <= is_snapshot ? StateSnapshot : StateDone;
        StateSnapshot: if (snapshot_done_i) state_q <= StateDone;
        StateFilter: if (filter_i.done) state_q <= StateDone;
        StateBlock: if (chosen.done) state_q <= StateDone;
        default: state_q <= StateIdle;
      endcase

      if (start && !write_i && in_window && at == farrier_regs_pkg::RegTimeLo) begin
        time_hi_q <= time_i[63:32];
      end
      if (start_write) begin
        // Word by word: a place that a signal picks would become shifters of all the words.
        if (is_key) begin
          for (int i = 0; i < farrier_regs_pkg::FilterKeyWords; i++) begin
            if (key_index == 4'(i)) key_q[32*i+:32] <= data_i;
          end
        end else if (is_function) begin
          disabled_q[index] <= !data_i[farrier_regs_pkg::FunctionControlEnableLsb];
          raw_q[index]      <= data_i[farrier_regs_pkg::FunctionControlRawLsb];
          guard_q[index]    <= data_i[farrier_regs_pkg::FunctionControlGuardLsb];
        end else begin
          unique case (at)
            farrier_regs_pkg::RegEpoch: epoch_q <= data_i;
            farrier_regs_pkg::RegScratch: scratch_q <= data_i;
            farrier_regs_pkg::RegLease: begin
              if (data_i[farrier_regs_pkg::SwitchWordGenerationLsb+:12] == lease_generation_q) begin
                lease_state_q    <= data_i[farrier_regs_pkg::SwitchWordStateLsb+:2];
                lease_function_q <= data_i[farrier_regs_pkg::SwitchWordFunctionLsb+:2];
                if (data_i[farrier_regs_pkg::SwitchWordStateLsb+:2] ==
                    farrier_regs_pkg::OwnerStateAttached) begin
                  lease_generation_q <= lease_generation_q + 12'd1;
                end
              end
            end
            farrier_regs_pkg::RegDefaultOwner: default_owner_q <= data_i[7:0];
            farrier_regs_pkg::RegWatchdogUs: watchdog_us_q <= data_i;
            farrier_regs_pkg::RegDrainGapNs: drain_gap_q <= data_i;
            farrier_regs_pkg::RegPonyPorts: pony_ports_q <= data_i;
            farrier_regs_pkg::RegFilterValue: begin
              value_q <= {data_i[farrier_regs_pkg::FilterValueValidLsb],
                          data_i[farrier_regs_pkg::FilterValueOwnerLsb+:8]};
            end
            default: ;
          endcase
        end
      end
      if (state_q == StateFilter && filter_i.done) begin
        key_q   <= filter_i.key;
        value_q <= {filter_i.valid, filter_i.owner};
      end
    end

    watchdog_ns_q <= 42'(watchdog_us_q) * 42'd1000;
    if (start) data_q <= write_i ? '0 : read_data;
    if (state_q == StateOwner && owner_i.done) data_q <= owner_i.data;
    if (state_q == StateBlock && chosen.done) data_q <= write_i ? '0 : chosen.data;
  end

endmodule
