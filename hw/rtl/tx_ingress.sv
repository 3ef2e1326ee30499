// Takes what the functions send, one beat per cycle and always: strips the prefix, writes each frame once
// into cells of the TX memory, links the cells, and reports the packet after its last beat. A frame
// that finds no cell, is too long or would be refused anyway is reported all the same.
module tx_ingress (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [3:0]                  enabled_i,      // per function
  input  logic [3:0]                  raw_i,          // per function
  input  logic [3:0]                  guard_i,        // per function
  input  logic [23:0]                 class_i,        // per raw function, 6 bits each
  // Packets of all functions; always taken.
  input  logic                        valid_i,
  input  logic [511:0]                data_i,
  input  logic [63:0]                 keep_i,         // contiguous from byte 0; all ones but at the end
  input  logic                        last_i,
  input  logic [1:0]                  func_i,
  input  logic [15:0]                 size_i,         // of the packet, as its function says
  // Free cells.
  input  logic                        cell_valid_i,   // there is a free cell
  input  farrier_pkg::tx_cell_t          cell_i,         // the one that is next
  output logic                        cell_take_o,
  // TX memory: cell and beat.
  output logic                        write_o,
  output logic [farrier_pkg::TxCellBits+2:0] write_address_o,
  output logic [511:0]                write_data_o,
  // Links between cells.
  output logic                        link_write_o,
  output farrier_pkg::tx_cell_t          link_address_o,
  output farrier_pkg::tx_link_t     link_o,
  // Beats of frames that are to be looked into.
  output logic                        inspect_o,
  output farrier_pkg::tx_beat_t       inspect_beat_o,
  output logic [511:0]                inspect_data_o,
  // A packet has come in, for one cycle.
  output logic                        packet_valid_o,
  output farrier_pkg::tx_packet_t  packet_o,
  output logic                        idle_o          // no packet is under way
);

  localparam logic [9:0] MaxBeats =
      10'((farrier_regs_pkg::MaxPacketBytes + farrier_pkg::BeatBytes - 1) / farrier_pkg::BeatBytes);

  if (farrier_regs_pkg::CellBytes != 8 * farrier_pkg::BeatBytes) begin : g_check
    $error("tx_ingress: a cell must have 8 beats");
  end

  // The beat as it came; what is said of its packet is valid from the first beat on.
  logic                       valid_q, last_q, prefix_q, raw_q, disabled_q, bad_q;
  logic [511:0]               data_q;
  logic [63:0]                keep_q;
  logic                       busy_q;  // the next beat is not a packet's first
  logic [1:0]                 func_q;
  farrier_pkg::owner_t        owner_q;
  logic [15:0]                generation_q;
  logic [31:0]                sequence_q;
  logic [63:0]                departure_q;
  logic [5:0]                 class_q;
  logic                       report_q, guarded_q, insert_q, raw, good, prefix_ok;
  logic [15:0]                told_q;  // the frame's size

  always_comb begin
    raw       = raw_i[func_i];
    prefix_ok = farrier_regs_pkg::prefix_base_ok(data_i) && keep_i == '1 &&
                data_i[8*farrier_regs_pkg::PrefixKind+:8] ==
                {6'd0, farrier_regs_pkg::PrefixKindPacket} &&
                data_i[8*farrier_regs_pkg::PrefixPacingClass+6+:2] == 2'd0;
    good      = enabled_i[func_i] && (raw || prefix_ok);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      busy_q  <= 1'b0;
    end else begin
      valid_q <= valid_i;
      if (valid_i) busy_q <= !last_i;
    end
    if (valid_i) begin
      data_q   <= data_i;
      keep_q   <= keep_i;
      last_q   <= last_i;
      prefix_q <= !busy_q && !raw;
      if (!busy_q) begin
        func_q       <= func_i;
        raw_q        <= raw;
        disabled_q   <= !enabled_i[func_i];
        bad_q        <= !raw && !prefix_ok;
        owner_q      <= data_i[8*farrier_regs_pkg::PrefixOwner+:8];
        generation_q <= data_i[8*farrier_regs_pkg::PrefixGeneration+:16];
        sequence_q   <= data_i[8*farrier_regs_pkg::PrefixSequence+:32];
        departure_q  <= raw ? 64'd0 : data_i[8*farrier_regs_pkg::PrefixTime+:64];
        class_q      <= raw ? class_i[6*func_i+:6] : data_i[8*farrier_regs_pkg::PrefixPacingClass+:6];
        report_q     <= !raw && data_i[8*farrier_regs_pkg::PrefixFlags+
                                       farrier_regs_pkg::PrefixFlagReportDeparture];
        guarded_q    <= good && guard_i[func_i];
        insert_q     <= good && !raw && data_i[8*farrier_regs_pkg::PrefixFlags+
                                               farrier_regs_pkg::PrefixFlagInsertChecksum];
        told_q       <= raw ? size_i : size_i - 16'(farrier_regs_pkg::PrefixBytes);
      end
    end
  end

  // Where the frame goes.
  logic [9:0]         beats_q, beats;  // of this frame before this beat; stays at its highest value
  logic [2:0]         beat;            // within the cell
  logic               inside_q;        // a beat of this frame was before
  logic               failed_q;        // no longer stored
  logic               headed_q;        // has a first cell
  farrier_pkg::tx_cell_t cell_q, head_q;

  logic               data_beat, new_cell, too_long, store, starved, failed, headed;
  farrier_pkg::tx_cell_t cell_now, head;

  always_comb begin
    data_beat = valid_q && !prefix_q;
    beats     = inside_q ? beats_q : 10'd0;
    beat      = beats[2:0];
    new_cell  = beat == 3'd0;
    too_long  = beats >= MaxBeats;
    store     = data_beat && !disabled_q && !bad_q && !(inside_q && failed_q) && !too_long &&
                (!new_cell || cell_valid_i);
    cell_now  = new_cell ? cell_i : cell_q;
    // The next cell must be there before this one is closed.
    starved   = store && !last_q && beat == 3'd7 && !cell_valid_i;
    failed    = !store || starved;
    headed    = inside_q ? headed_q : store;
    head      = inside_q ? head_q : cell_i;

    cell_take_o     = store && new_cell;
    write_o         = store;
    write_address_o = {cell_now, beat};
    write_data_o    = data_q;

    inspect_o              = data_beat && (guarded_q || insert_q);
    inspect_beat_o.first   = !inside_q;
    inspect_beat_o.last    = last_q;
    inspect_beat_o.guarded = guarded_q;
    inspect_beat_o.insert  = insert_q;
    inspect_beat_o.func    = func_q;
    inspect_beat_o.size    = told_q;
    inspect_data_o         = data_q;

    link_write_o   = 1'b0;
    link_address_o = cell_now;
    link_o.last    = 1'b1;
    link_o.next    = '0;
    if (store) begin
      link_write_o = last_q || beat == 3'd7;
      link_o.last  = last_q || starved;
      link_o.next  = cell_i;
    end else if (data_beat && inside_q && !failed_q) begin
      link_write_o   = 1'b1;  // close what there is
      link_address_o = cell_q;
    end
  end

  // The packet that has ended.
  farrier_pkg::tx_packet_t packet_q;
  logic [9:0]              ended_beats_q;  // whole ones before the last
  logic [6:0]              ended_bytes_q;  // in the last one

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      inside_q       <= 1'b0;
      packet_valid_o <= 1'b0;
    end else begin
      packet_valid_o <= valid_q && last_q;
      if (data_beat) inside_q <= !last_q;
    end
    if (data_beat) begin
      beats_q  <= (beats == '1) ? '1 : beats + 10'd1;
      failed_q <= failed;
      headed_q <= headed;
      cell_q   <= cell_now;
      head_q   <= head;
    end
    if (valid_q && last_q) begin
      packet_q.raw             <= raw_q;
      packet_q.func            <= func_q;
      packet_q.disabled        <= disabled_q;
      packet_q.bad             <= bad_q;
      packet_q.cells           <= '0;
      packet_q.size            <= '0;
      ended_beats_q            <= beats;
      ended_bytes_q            <= prefix_q ? 7'd0 : farrier_pkg::keep_bytes(keep_q);
      packet_q.stored          <= !failed;
      packet_q.partial         <= data_beat && failed && headed;
      packet_q.head            <= head;
      packet_q.owner           <= owner_q;
      packet_q.generation      <= generation_q;
      packet_q.sequence_number <= sequence_q;
      packet_q.departure       <= departure_q;
      packet_q.pacing_class    <= class_q;
      packet_q.report          <= report_q;
      packet_q.guarded         <= data_beat && guarded_q;
      packet_q.insert          <= data_beat && insert_q;
      packet_q.violation       <= 1'b0;
    end
  end

  // Lengths, a cycle later.
  logic [16:0] size;

  always_comb begin
    size           = {1'b0, ended_beats_q, 6'd0} + {10'd0, ended_bytes_q};
    packet_o       = packet_q;
    packet_o.bad   = packet_q.bad || size < 17'(farrier_pkg::EthernetHeaderBytes) ||
                     size > 17'(farrier_regs_pkg::MaxPacketBytes);
    packet_o.cells = 5'((size + 17'(farrier_regs_pkg::CellBytes - 1)) >> 9);
    packet_o.size  = size[16] ? '1 : size[15:0];
  end

  assign idle_o = !valid_q && !packet_valid_o;


endmodule
