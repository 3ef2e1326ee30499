// Takes frames from the wire, one beat per cycle and always. A frame's announced size is what counts from
// here on: its cells are reserved with its first beat, so that it is stored whole or not at all; its packet
// is reported when the parse window is complete, at its third beat or its end; beats beyond
// the size are ignored. A frame that ends early is malformed if it has not been reported, else
// the rest is stored as zeros, a beat per cycle, and frames that come meanwhile find no memory.
module rx_ingress (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [63:0]                 time_i,         // ns
  // Wire.
  input  logic                        rx_valid_i,
  input  logic [511:0]                rx_data_i,
  input  logic [63:0]                 rx_keep_i,      // contiguous from byte 0; all ones but at the end
  input  logic                        rx_last_i,
  input  logic [15:0]                 rx_size_i,      // of the frame, bytes; with its first beat
  input  logic                        refuse_i,       // frames that begin now are not stored
  // Free cells.
  input  logic                        cell_valid_i,   // there is a free cell
  input  farrier_pkg::cell_t          cell_i,         // the one that is next
  input  logic [farrier_pkg::CellBits:0] cells_i,     // free cells
  output logic                        cell_take_o,
  // Packet memory: cell and beat. What is stored is also what the checksums are about.
  output logic                        write_o,
  output logic                        write_last_o,   // the packet's last beat
  output logic [farrier_pkg::CellBits+2:0] write_address_o,
  output logic [511:0]                write_data_o,
  // Links between cells, written with each cell's first beat.
  output logic                        link_write_o,
  output farrier_pkg::cell_t          link_address_o,
  output farrier_pkg::cell_link_t     link_o,
  // What is being stored. `beats` lags behind by what the memory needs.
  output farrier_pkg::arriving_t      arriving_o,
  output logic                        idle_o,
  // To the parser: the beats of the parse window. The packet is known with its first beat, but for
  // `malformed`, which is right with `window_last_o`.
  output logic                        window_valid_o,
  output logic                        window_last_o,
  output logic [1:0]                  window_beat_o,
  output logic [511:0]                window_data_o,
  output farrier_pkg::rx_packet_t     packet_o,
  output logic [63:0]                 arrival_o       // of the first beat, ns
);

  localparam logic [10:0] WindowBeats =
      11'(farrier_regs_pkg::ParseBytes / farrier_pkg::BeatBytes);

  if (farrier_regs_pkg::CellBytes != 8 * farrier_pkg::BeatBytes) begin : g_check_cell
    $error("rx_ingress: a cell must have 8 beats");
  end
  if (farrier_regs_pkg::ParseBytes != 192) begin : g_check_window
    $error("rx_ingress: the window must have 3 beats");
  end

  // First stage: the beat, and what its frame announces.
  logic         valid_q, last_q, first_q, inside_q;
  logic [511:0] data_q;
  logic [63:0]  arrival_q;
  logic [15:0]  size_q;
  logic [10:0]  beats_q;      // announced, 1 or more
  logic [10:0]  index_q;      // of this beat; stays at its highest value
  logic [7:0]   cells_q;
  logic         short_q, long_q;

  function automatic logic [511:0] kept(logic [511:0] data, logic [63:0] keep);
    for (int i = 0; i < 16; i++) begin
      kept[32*i+:32] = data[32*i+:32] & {{8{keep[4*i+3]}}, {8{keep[4*i+2]}}, {8{keep[4*i+1]}},
                                         {8{keep[4*i]}}};
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q  <= 1'b0;
      inside_q <= 1'b0;
    end else begin
      valid_q <= rx_valid_i;
      if (rx_valid_i) inside_q <= !rx_last_i;
    end
    if (rx_valid_i) begin
      data_q  <= rx_data_i;
      if (rx_last_i) data_q <= kept(rx_data_i, rx_keep_i);
      last_q  <= rx_last_i;
      first_q <= !inside_q;
      index_q <= !inside_q ? 11'd0 : ((index_q == '1) ? index_q : index_q + 11'd1);
      if (!inside_q) begin
        arrival_q <= time_i;
        size_q    <= rx_size_i;
        beats_q   <= (rx_size_i == 16'd0) ? 11'd1 : {1'b0, rx_size_i[15:6]} + 11'(|rx_size_i[5:0]);
        cells_q   <= {1'b0, rx_size_i[15:9]} + 8'(|rx_size_i[8:0]);
        short_q   <= rx_size_i < 16'(farrier_pkg::EthernetHeaderBytes);
        long_q    <= rx_size_i > 16'(farrier_regs_pkg::MaxPacketBytes);
      end
    end
  end

  // Second stage: the frame. Its end is the last announced beat, or tlast before.
  logic counts, at_end, early, in_window, malformed, fill_q, store, stored_q, refused_q, reported_cut;

  // The packet that is being stored, which may be filled up behind its frame's end.
  logic               ahead_valid_q;  // a cell is at hand
  farrier_pkg::cell_t ahead_q, head_q, cell_q, cell_now;
  logic [7:0]         stored_beats_q, stored_index_q, index;
  logic               opening, closing;

  always_comb begin
    counts    = valid_q && index_q < beats_q;
    at_end    = counts && index_q + 11'd1 == beats_q;
    early     = counts && last_q && !at_end;
    in_window = counts && index_q < WindowBeats;
    reported_cut = early && in_window;
    malformed = short_q || reported_cut;

    store = stored_q;
    if (first_q) begin
      store = !short_q && !long_q && !fill_q && !refuse_i && ahead_valid_q &&
              {{farrier_pkg::CellBits - 7{1'b0}}, cells_q} <= cells_i + 1'b1;
    end

    window_valid_o = in_window;
    window_last_o  = in_window && (at_end || last_q || index_q + 11'd1 == WindowBeats);
    window_beat_o  = index_q[1:0];
    window_data_o  = data_q;
    arrival_o      = arrival_q;
    packet_o.malformed = malformed;
    packet_o.oversize  = long_q && !malformed;
    packet_o.refused   = first_q ? refuse_i : refused_q;
    packet_o.stored    = store;
    packet_o.cells     = reported_cut ? 5'd1 : cells_q[4:0];
    packet_o.size      = size_q;
    packet_o.head      = first_q ? ahead_q : head_q;

    // Storing.
    write_o         = (counts && store) || fill_q;
    opening         = write_o && first_q && !fill_q;
    index           = opening ? 8'd0 : stored_index_q;
    cell_now        = (index[2:0] == 3'd0) ? ahead_q : cell_q;
    write_last_o    = fill_q ? index + 8'd1 == stored_beats_q : (at_end || reported_cut);
    write_address_o = {cell_now, index[2:0]};
    write_data_o    = fill_q ? '0 : data_q;
    closing         = write_o && write_last_o;

    link_write_o   = write_o && index[2:0] == 3'd0;
    link_address_o = cell_now;
    link_o.last    = {1'b0, index} + 9'd8 >= {1'b0, opening ? beats_q[7:0] : stored_beats_q};
    link_o.next    = cell_i;
    cell_take_o    = cell_valid_i && (link_write_o || !ahead_valid_q);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      stored_q         <= 1'b0;
      fill_q           <= 1'b0;
      ahead_valid_q    <= 1'b0;
      arriving_o.valid <= 1'b0;
    end else begin
      if (valid_q) stored_q <= store;
      if (closing) fill_q <= 1'b0;
      else if (early && store && !reported_cut) fill_q <= 1'b1;
      if (link_write_o || !ahead_valid_q) ahead_valid_q <= cell_valid_i;
      if (closing) arriving_o.valid <= 1'b0;
      else if (write_o) arriving_o.valid <= 1'b1;
    end
    if (valid_q && first_q) refused_q <= refuse_i;
    if (cell_take_o) ahead_q <= cell_i;
    if (write_o) begin
      stored_index_q <= index + 8'd1;
      cell_q         <= cell_now;
      if (opening) begin
        head_q         <= ahead_q;
        stored_beats_q <= beats_q[7:0];
      end
      arriving_o.head  <= opening ? ahead_q : head_q;
      arriving_o.beats <= index;
    end
  end

  assign idle_o = !valid_q && !fill_q;

endmodule
