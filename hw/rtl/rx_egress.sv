// Hands decided packets and MARKs to the functions, in order: prefix beat, then the frame from its
// cells, which it gives back as it reads them. A prefix tells of the checksums, so it waits until all of
// the packet is there and verified: no bubbles within it. Raw functions get the frame alone, one beat per
// cycle and a packet per cycle if it has one beat, and while it still arrives: gaps on the wire then
// show (the shell has none).
module rx_egress #(
  parameter int unsigned Functions = 2
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic [63:0]                time_i,            // ns
  // What to hand over.
  input  logic                       valid_i,
  input  farrier_pkg::delivery_t     delivery_i,
  output logic                       ready_o,
  // What is still arriving, or being verified. A delivery is `young` as long as its packet may have got there
  // or not.
  input  logic                       young_i,
  input  farrier_pkg::arriving_t     arriving_i,
  input  logic                       open_i,
  input  farrier_pkg::cell_t         open_head_i,
  // What is known of it, in the cycle after the question, until the next question.
  output logic                       meta_read_o,
  output farrier_pkg::cell_t         meta_address_o,
  input  farrier_pkg::packet_meta_t  meta_i,
  input  farrier_pkg::lookup_t       lookup_i,
  input  farrier_pkg::checksums_t    checksums_i,
  // OWNER_TX_RELEASED; the answer comes a cycle after the question.
  output farrier_pkg::owner_t        released_owner_o,
  input  logic [31:0]                released_i,
  // When the packet of the next departure report left, ns.
  input  logic [63:0]                sent_time_i,
  output logic                       sent_taken_o,
  // Links between cells, likewise.
  output logic                       link_read_o,
  output farrier_pkg::cell_t         link_address_o,
  input  farrier_pkg::cell_link_t    link_i,
  // Packet memory; the answer comes two cycles after the question.
  output logic                       read_o,
  output logic [farrier_pkg::CellBits+2:0] read_address_o,
  input  logic [511:0]               read_data_i,
  // A cell that has been read.
  output logic                       free_o,
  output farrier_pkg::cell_t         free_cell_o,
  // A packet or MARK has been handed over.
  output logic                       delivered_o,
  output farrier_pkg::owner_t        delivered_owner_o,
  output logic                       mark_gone_o,
  output logic                       idle_o,
  // To the functions (C2H), a lane each.
  output logic [Functions-1:0]       c2h_valid_o,
  output logic [Functions*512-1:0]   c2h_data_o,        // 0 when not valid
  output logic [Functions*64-1:0]    c2h_keep_o,
  output logic [Functions-1:0]       c2h_last_o,        // 0 when not valid
  output logic [Functions*16-1:0]    c2h_size_o,        // bytes, the same over a packet
  output logic [Functions*16-1:0]    c2h_src_o,         // one-hot: bit 6 + MAC
  output logic [Functions*16-1:0]    c2h_dst_o,         // one-hot: bit function
  output logic [Functions*4-1:0]     c2h_queue_o,       // that paid; the shell picks by the prefix
  input  logic [Functions-1:0]       c2h_ready_i
);

  localparam int unsigned OutDepth = 16;

  // A beat on its way out.
  typedef struct packed {
    logic        last;
    logic [5:0]  bytes;  // in this beat, 0 = 64
    logic [15:0] size;   // of the packet
    logic [1:0]  func;
    logic [3:0]  queue_index;
  } beat_t;

  // First stage: a delivery, and what is known of its packet.
  logic                   first_valid_q, take, fetch;
  farrier_pkg::delivery_t first_q;

  logic                   complete;

  assign complete       = delivery_i.raw || delivery_i.mark ||
                          !(young_i || (open_i && open_head_i == delivery_i.head));
  assign ready_o        = (!first_valid_q || take) && complete;
  assign fetch          = valid_i && ready_o;
  assign meta_read_o    = fetch;
  assign meta_address_o = delivery_i.head;
  assign released_owner_o = fetch ? delivery_i.owner : first_q.owner;

  // Second stage: the packet that is being cut into beats. Its first beat goes out straight from the
  // first stage.
  logic                      active_q, room;
  farrier_pkg::delivery_t    current_q, current;
  farrier_pkg::packet_meta_t meta_q, meta;
  logic [7:0]                beats_q, beats, frame_beats;  // beats of the frame still to go
  logic [7:0]                read_q;                       // those read
  logic [2:0]                beat_q, beat;                 // within the cell
  farrier_pkg::cell_t        cell_q, cell_now;
  logic                      go, with_prefix, data, last;
  logic [15:0]               size;

  // Whether the packet at either stage still arrives, and how much of it was there a cycle ago.
  logic       first_arrives_q, current_arrives_q, blocked;
  logic [7:0] arrived_q;

  // Third and fourth stage: the data are on their way.
  logic                      read_push_q, read_prefix_q, read_zero_q;
  logic                      out_push_q, out_prefix_q, out_zero_q;
  beat_t                     read_beat_q, out_beat_q;
  logic [511:0]              prefix_d, read_prefix_data_q, prefix_q;

  always_comb begin
    blocked     = active_q ? current_arrives_q && read_q >= arrived_q
                           : first_arrives_q && arrived_q == 8'd0;
    take        = first_valid_q && !active_q && room && !blocked;
    go          = (first_valid_q || active_q) && room && !blocked;
    current     = active_q ? current_q : first_q;
    meta        = active_q ? meta_q : meta_i;
    if (current.mark) begin
      meta      = '0;
      meta.size = 16'd64;
    end
    size        = meta.size + (current.raw ? 16'd0 : 16'd64);
    with_prefix = !active_q && !current.raw;
    data        = go && !with_prefix;
    frame_beats = 8'((meta.size + 16'd63) >> 6);
    beats       = active_q ? beats_q : frame_beats;
    beat        = active_q ? beat_q : 3'd0;
    cell_now    = active_q ? cell_q : current.head;
    // The next cell's number came while this one was read.
    if (active_q && beat_q == 3'd0 && crossed_q) cell_now = link_i.next;
    last        = data && beats == 8'd1;

    read_o         = data && !current.mark;
    read_address_o = {cell_now, beat};
    link_read_o    = read_o && beat == 3'd0;
    link_address_o = cell_now;
    free_o         = read_o && (last || beat == 3'd7);
    free_cell_o    = cell_now;

    delivered_o       = last && !current.mark;
    delivered_owner_o = current.owner;
    mark_gone_o       = last && current.mark;
    sent_taken_o      = last && current.sent;
  end

  logic crossed_q;  // the cell before has been read to its end

  always_comb begin
    prefix_d = '0;
    if (go && with_prefix) begin
      prefix_d = farrier_regs_pkg::prefix_base({3'd0, current.queue_index});
      prefix_d[8*farrier_regs_pkg::PrefixKind+:2] =
          current.sent ? farrier_regs_pkg::PrefixKindSent :
          current.mark ? farrier_regs_pkg::PrefixKindMark : farrier_regs_pkg::PrefixKindPacket;
      prefix_d[8*farrier_regs_pkg::PrefixFlags+farrier_regs_pkg::PrefixFlagWasHeld] = current.was_held;
      prefix_d[8*farrier_regs_pkg::PrefixFlags+farrier_regs_pkg::PrefixFlagFragment] = meta.fragment;
      prefix_d[8*farrier_regs_pkg::PrefixFlags+farrier_regs_pkg::PrefixFlagTunnel] = meta.tunnel;
      prefix_d[8*farrier_regs_pkg::PrefixFlags+farrier_regs_pkg::PrefixFlagBadHeader] = meta.bad_header;
      prefix_d[8*farrier_regs_pkg::PrefixFlags+farrier_regs_pkg::PrefixFlagPony] = meta.pony;
      prefix_d[8*farrier_regs_pkg::PrefixOwner+:8]       = current.owner;
      prefix_d[8*farrier_regs_pkg::PrefixGeneration+:12] = current.generation;
      prefix_d[8*farrier_regs_pkg::PrefixSequence+:32]   = current.sequence_number;
      prefix_d[8*farrier_regs_pkg::PrefixTime+:64]       = meta.arrival;
      if (current.mark) prefix_d[8*farrier_regs_pkg::PrefixTime+:64] = time_i;
      if (current.sent) prefix_d[8*farrier_regs_pkg::PrefixTime+:64] = sent_time_i;
      prefix_d[8*farrier_regs_pkg::PrefixL3Offset+:8]    = meta.l3_offset;
      prefix_d[8*farrier_regs_pkg::PrefixL4Offset+:8]    = meta.l4_offset;
      prefix_d[8*farrier_regs_pkg::PrefixTxReleased+:32] = released_i;
      if (!current.mark) begin
        prefix_d[8*farrier_regs_pkg::PrefixRssHash+:32]    = lookup_i.rss_hash;
        prefix_d[8*farrier_regs_pkg::PrefixPacingClass+:6] = lookup_i.pacing_class;
        prefix_d[8*farrier_regs_pkg::PrefixChecksums+:4]   = {checksums_i.l4, checksums_i.l3};
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_valid_q <= 1'b0;
      active_q      <= 1'b0;
      read_push_q   <= 1'b0;
      out_push_q    <= 1'b0;
      crossed_q     <= 1'b0;
    end else begin
      if (fetch) first_valid_q <= 1'b1;
      else if (take) first_valid_q <= 1'b0;
      if (go) begin
        active_q  <= !last;
        crossed_q <= data && beat == 3'd7;
      end
      read_push_q <= go;
      out_push_q  <= read_push_q;
    end
    if (fetch) first_q <= delivery_i;
    first_arrives_q   <= arriving_i.valid &&
                         arriving_i.head == (fetch ? delivery_i.head : first_q.head);
    current_arrives_q <= arriving_i.valid &&
                         arriving_i.head == (active_q ? current_q.head : first_q.head);
    arrived_q         <= arriving_i.beats;
    if (go) begin
      if (!active_q) begin
        current_q <= first_q;
        meta_q    <= meta;
      end
      beats_q      <= data ? beats - 8'd1 : beats;
      beat_q       <= data ? beat + 3'd1 : 3'd0;
      read_q       <= (active_q ? read_q : 8'd0) + {7'd0, data};
      cell_q       <= cell_now;
      read_prefix_q <= with_prefix;
      read_zero_q   <= current.mark;
      read_beat_q.last        <= last;
      read_beat_q.bytes       <= last ? meta.size[5:0] : 6'd0;
      read_beat_q.size        <= size;
      read_beat_q.func        <= current.func;
      read_beat_q.queue_index <= current.queue_index;
      if (with_prefix) read_prefix_data_q <= prefix_d;
    end
    if (read_push_q) begin
      out_prefix_q <= read_prefix_q;
      out_zero_q   <= read_zero_q;
      out_beat_q   <= read_beat_q;
      if (read_prefix_q) prefix_q <= read_prefix_data_q;
    end
  end

  // Out of the pipeline: as many beats as can still be under way always fit.
  logic                       out_valid, out_pop, out_full;
  logic [511:0]               out_data, push_data;
  beat_t                      out_beat;
  logic [$clog2(OutDepth):0]  out_level;
  logic [Functions-1:0]       lane;

  assign push_data = out_prefix_q ? prefix_q : (out_zero_q ? '0 : read_data_i);

  fifo #(
    .Width(512 + $bits(out_beat_q)),
    .Depth(OutDepth)
  ) u_out (
    .clk_i,
    .rst_ni,
    .push_i (out_push_q),
    .data_i ({out_beat_q, push_data}),
    .full_o (out_full),
    .valid_o(out_valid),
    .data_o ({out_beat, out_data}),
    .pop_i  (out_pop),
    .level_o(out_level)
  );

  assign room    = out_level < ($clog2(OutDepth) + 1)'(OutDepth - 3);
  assign out_pop = |(lane & c2h_ready_i);
  assign idle_o  = !valid_i && !first_valid_q && !active_q && !read_push_q && !out_push_q && !out_valid;

  always_comb begin
    lane        = '0;
    c2h_data_o  = '0;
    c2h_keep_o  = '0;
    c2h_last_o  = '0;
    c2h_size_o  = '0;
    c2h_src_o   = '0;
    c2h_dst_o   = '0;
    c2h_queue_o = '0;
    for (int unsigned f = 0; f < Functions; f++) begin
      if (out_valid && out_beat.func == 2'(f)) begin
        lane[f]               = 1'b1;
        c2h_data_o[512*f+:512] = out_data;
        c2h_keep_o[64*f+:64]  = farrier_pkg::keep_mask(out_beat.bytes);
        c2h_last_o[f]         = out_beat.last;
        c2h_size_o[16*f+:16]  = out_beat.size;
        c2h_src_o[16*f+:16]   = 16'h0040;
        c2h_dst_o[16*f+:16]   = 16'd1 << f;
        c2h_queue_o[4*f+:4]   = out_beat.queue_index;
      end
    end
    c2h_valid_o = lane;
  end

  // `room` keeps the queue from filling; a packet's length tells where its links end.
  logic unused;
  assign unused = ^{out_full, link_i.last};

endmodule
