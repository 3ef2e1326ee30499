// Stores the frames that the functions send, without prefix, and decides at each one's end whether it
// may leave: function enabled, prefix and length valid, owner and generation those of the row.
//
// To come between this and the wire: the TX guard, checksum insertion, classes and the pacer.
module tx_check #(
  parameter int unsigned StoreBeats = 512,  // a power of two, enough for the longest frame twice
  localparam int unsigned BeatBits = $clog2(StoreBeats)
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,       // after reset: row clear_owner_i
  input  farrier_pkg::owner_t clear_owner_i,
  input  logic [3:0]          enabled_i,     // per function
  input  logic [3:0]          raw_i,         // per function
  // Packets of all functions.
  input  logic                valid_i,
  input  logic [511:0]        data_i,
  input  logic [6:0]          bytes_i,       // in this beat
  input  logic                last_i,
  input  logic [1:0]          func_i,
  output logic                ready_o,
  // The owner table's news.
  input  logic                switched_i,
  input  farrier_pkg::owner_t switched_owner_i,
  input  logic [1:0]          switched_state_i,
  input  logic [11:0]         switched_generation_i,
  // TX_SEEN of an owner, in the cycle after.
  input  farrier_pkg::owner_t seen_owner_i,
  output logic [31:0]         seen_o,
  // Counting.
  output logic                sent_o,        // a prefixed packet of count_owner_o will leave
  output logic                stale_o,
  output farrier_pkg::owner_t count_owner_o,
  output logic                bad_prefix_o,
  output logic                disabled_o,
  // Stored beats, oldest first; read in the cycle after the question.
  input  logic                read_i,
  input  logic [BeatBits-1:0] read_address_i,
  output logic [511:0]        read_data_o,
  // Verdicts, in order.
  output logic                verdict_o,
  output logic                verdict_drop_o,
  output logic [15:0]         verdict_size_o,  // bytes
  output logic [7:0]          verdict_beats_o, // stored
  input  logic                verdict_ready_i,
  output logic                idle_o
);

  localparam logic [9:0] MaxBeats = 10'(farrier_regs_pkg::MaxPacketBytes / farrier_pkg::BeatBytes);
  localparam int unsigned VerdictBits = 25;

  if (StoreBeats < 512 || (StoreBeats & (StoreBeats - 1)) != 0) begin : g_check
    $error("tx_check: StoreBeats must be a power of two of at least 512");
  end
  if (farrier_regs_pkg::MaxPacketBytes % farrier_pkg::BeatBytes != 0) begin : g_check_beats
    $error("tx_check: the longest frame must be whole beats");
  end

  // A packet that has come in whole.
  typedef struct packed {
    logic        disabled;
    logic        bad;
    logic        raw;
    logic [7:0]  owner;
    logic [15:0] generation;
    logic [31:0] sequence_number;
    logic [15:0] size;
    logic [7:0]  beats;
  } candidate_t;

  // Coming in.
  logic               busy_q, raw, prefix_beat, store, take;
  logic [9:0]         beats_q, beats_before;    // of the frame; stays at its highest value
  logic [7:0]         stored_q, stored_before;
  logic               bad_q, disabled_q, raw_q;
  candidate_t         candidate_q;
  farrier_pkg::owner_t owner_q;
  logic [15:0]        generation_q;
  logic [31:0]        sequence_q;
  logic               candidate_valid_q, checking_q;
  logic [BeatBits:0]  used_q;
  logic [BeatBits-1:0] write_q;
  logic [16:0]        size;
  logic               kind_ok, pending, verdict_full;
  logic [$clog2(StoreBeats):0] verdict_level;

  assign raw          = busy_q ? raw_q : raw_i[func_i];
  assign prefix_beat  = !busy_q && !raw;
  assign beats_before = busy_q ? beats_q : 10'd0;
  assign stored_before = busy_q ? stored_q : 8'd0;
  assign pending      = candidate_valid_q && switched_i;  // the row's news go first
  assign ready_o      = !used_q[BeatBits] && !verdict_full && !pending && !clear_i;
  assign take         = valid_i && ready_o;
  assign store        = take && !prefix_beat && beats_before < MaxBeats;
  assign kind_ok      = farrier_regs_pkg::prefix_base_ok(data_i) && bytes_i == 7'd64 &&
                        data_i[8*farrier_regs_pkg::PrefixKind+:8] ==
                        {6'd0, farrier_regs_pkg::PrefixKindPacket};
  assign size         = {1'b0, beats_before, 6'd0} + (prefix_beat ? 17'd0 : {10'd0, bytes_i});

  ram_1r1w #(
    .Width(512),
    .Depth(StoreBeats)
  ) u_store (
    .clk_i,
    .write_i(store),
    .waddr_i(write_q),
    .wdata_i(data_i),
    .read_i,
    .raddr_i(read_address_i),
    .rdata_o(read_data_o)
  );

  logic [7:0] released;  // beats that the verdict being taken gives back

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q            <= 1'b0;
      candidate_valid_q <= 1'b0;
      used_q            <= '0;
      write_q           <= '0;
    end else begin
      if (take) busy_q <= !last_i;
      if (store) write_q <= write_q + 1'b1;
      used_q <= used_q + {{BeatBits{1'b0}}, store} - {{BeatBits - 7{1'b0}}, released};
      candidate_valid_q <= (take && last_i) || pending;
    end
    if (take) begin
      stored_q <= stored_before + {7'd0, store};
      beats_q  <= prefix_beat ? 10'd0 : ((beats_before == '1) ? '1 : beats_before + 10'd1);
      if (!busy_q) begin
        raw_q        <= raw;
        disabled_q   <= !enabled_i[func_i];
        bad_q        <= !raw && !kind_ok;
        owner_q      <= data_i[8*farrier_regs_pkg::PrefixOwner+:8];
        generation_q <= data_i[8*farrier_regs_pkg::PrefixGeneration+:16];
        sequence_q   <= data_i[8*farrier_regs_pkg::PrefixSequence+:32];
      end
      if (last_i) begin
        candidate_q.raw      <= raw;
        candidate_q.disabled <= busy_q ? disabled_q : !enabled_i[func_i];
        candidate_q.bad      <= (busy_q ? bad_q : !raw && !kind_ok) ||
                                size < 17'(farrier_pkg::EthernetHeaderBytes) ||
                                size > 17'(farrier_regs_pkg::MaxPacketBytes);
        candidate_q.owner           <= owner_q;
        candidate_q.generation      <= generation_q;
        candidate_q.sequence_number <= sequence_q;
        candidate_q.size            <= size[15:0];
        candidate_q.beats           <= stored_before + {7'd0, store};
      end
    end
  end

  // The rows as TX sees them, and what it has seen of each. News and packets take turns, so that
  // both RAMs are written in order.
  logic        row_write, seen_write, news_q;
  farrier_pkg::owner_t row_owner, seen_owner, news_owner_q;
  logic [13:0] row_data, row;
  logic [31:0] seen_data;
  candidate_t  checked_q;
  logic        sends, accept;

  ram_1r1w #(
    .Width(14),
    .Depth(farrier_regs_pkg::Owners)
  ) u_rows (
    .clk_i,
    .write_i(row_write),
    .waddr_i(row_owner),
    .wdata_i(row_data),
    .read_i (candidate_valid_q),
    .raddr_i(candidate_q.owner),
    .rdata_o(row)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_seen (
    .clk_i,
    .write_i(seen_write),
    .waddr_i(seen_owner),
    .wdata_i(seen_data),
    .read_i (1'b1),
    .raddr_i(seen_owner_i),
    .rdata_o(seen_o)
  );

  always_comb begin
    row_write = switched_i || clear_i;
    row_owner = clear_i ? clear_owner_i : switched_owner_i;
    row_data  = clear_i ? 14'd0 : {switched_state_i, switched_generation_i};

    sends  = (row[13:12] == farrier_regs_pkg::OwnerStateAttached ||
              row[13:12] == farrier_regs_pkg::OwnerStateHeld) &&
             checked_q.generation == {4'd0, row[11:0]};
    accept = !checked_q.disabled && !checked_q.bad && (checked_q.raw || sends);

    sent_o        = checking_q && accept && !checked_q.raw;
    stale_o       = checking_q && !checked_q.disabled && !checked_q.bad && !accept;
    disabled_o    = checking_q && checked_q.disabled;
    bad_prefix_o  = checking_q && !checked_q.disabled && checked_q.bad;
    count_owner_o = checked_q.owner;

    seen_write = sent_o || news_q || clear_i;
    seen_owner = checked_q.owner;
    seen_data  = checked_q.sequence_number;
    if (clear_i || news_q) begin
      seen_owner = clear_i ? clear_owner_i : news_owner_q;
      seen_data  = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      checking_q <= 1'b0;
      news_q     <= 1'b0;
    end else begin
      checking_q <= candidate_valid_q && !switched_i;
      news_q     <= switched_i && switched_state_i == farrier_regs_pkg::OwnerStateAttached;
    end
    if (candidate_valid_q) checked_q <= candidate_q;
    if (switched_i) news_owner_q <= switched_owner_i;
  end

  fifo #(
    .Width(VerdictBits),
    .Depth(StoreBeats)
  ) u_verdicts (
    .clk_i,
    .rst_ni,
    .push_i (checking_q),
    .data_i ({!accept, checked_q.size, checked_q.beats}),
    .full_o (verdicts_full),
    .valid_o(verdict_o),
    .data_o ({verdict_drop_o, verdict_size_o, verdict_beats_o}),
    .pop_i  (verdict_ready_i && verdict_o),
    .level_o(verdict_level)
  );

  // Room for those under way.
  logic verdicts_full, unused;
  assign unused       = verdicts_full;
  assign verdict_full = verdict_level >= ($clog2(StoreBeats) + 1)'(StoreBeats - 4);
  assign released     = (verdict_ready_i && verdict_o) ? verdict_beats_o : 8'd0;
  assign idle_o       = !valid_i && !candidate_valid_q && !checking_q && !verdict_o;

endmodule
