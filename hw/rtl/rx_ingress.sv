// Takes frames from the wire, one beat per cycle and always: writes each once into cells of the packet
// memory, links the cells, keeps the first two beats for the parser, and reports the packet
// after its last beat. A frame that finds no cell, or is too long, is reported all the same.
module rx_ingress (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [63:0]                 time_i,         // ns
  // Wire.
  input  logic                        rx_valid_i,
  input  logic [511:0]                rx_data_i,
  input  logic [63:0]                 rx_keep_i,      // contiguous from byte 0; all ones but at the end
  input  logic                        rx_last_i,
  // Free cells.
  input  logic                        cell_valid_i,   // there is a free cell
  input  farrier_pkg::cell_t          cell_i,         // the one that is next
  output logic                        cell_take_o,
  // Packet memory: cell and beat.
  output logic                        write_o,
  output logic [farrier_pkg::CellBits+2:0] write_address_o,
  output logic [511:0]                write_data_o,
  // Links between cells.
  output logic                        link_write_o,
  output farrier_pkg::cell_t          link_address_o,
  output farrier_pkg::cell_link_t     link_o,
  // To the parser.
  output logic                        packet_valid_o, // for one cycle per frame
  output farrier_pkg::rx_packet_t     packet_o,
  output logic [63:0]                 arrival_o,      // of its first beat, ns
  output logic [1023:0]               header_o        // its first two beats
);

  localparam logic [9:0] MaxBeats =
      10'((farrier_regs_pkg::MaxPacketBytes + farrier_pkg::BeatBytes - 1) / farrier_pkg::BeatBytes);

  if (farrier_regs_pkg::CellBytes != 8 * farrier_pkg::BeatBytes) begin : g_check
    $error("rx_ingress: a cell must have 8 beats");
  end

  logic               busy_q;     // within a frame
  logic [9:0]         beats_q;    // of this frame so far; stays at its highest value
  logic [2:0]         beat_q;     // within the cell
  logic               failed_q;   // no longer stored
  logic               headed_q;   // has a first cell
  farrier_pkg::cell_t cell_q, head_q;

  logic               new_cell, too_long, store, starved, failed, headed;
  farrier_pkg::cell_t cell_now, head;
  logic [16:0]        size;

  always_comb begin
    new_cell = !busy_q || beat_q == 3'd0;
    too_long = busy_q && beats_q >= MaxBeats;
    store    = rx_valid_i && !(busy_q && failed_q) && !too_long && (!new_cell || cell_valid_i);
    cell_now = new_cell ? cell_i : cell_q;
    // The next cell must be there before this one is closed.
    starved  = store && !rx_last_i && beat_q == 3'd7 && !cell_valid_i;
    failed   = !store || starved;
    headed   = busy_q ? headed_q : store;
    head     = busy_q ? head_q : cell_i;
    size     = {1'b0, beats_q, 6'd0} + {10'd0, farrier_pkg::keep_bytes(rx_keep_i)};
    if (!busy_q) size = {10'd0, farrier_pkg::keep_bytes(rx_keep_i)};

    cell_take_o     = store && new_cell;
    write_o         = store;
    write_address_o = {cell_now, busy_q ? beat_q : 3'd0};
    write_data_o    = rx_data_i;

    link_write_o   = 1'b0;
    link_address_o = cell_now;
    link_o.last    = 1'b1;
    link_o.next    = '0;
    if (store) begin
      link_write_o = rx_last_i || beat_q == 3'd7;
      link_o.last  = rx_last_i || starved;
      link_o.next  = cell_i;
    end else if (rx_valid_i && busy_q && !failed_q) begin
      link_write_o   = 1'b1;  // close what there is
      link_address_o = cell_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q         <= 1'b0;
      packet_valid_o <= 1'b0;
      beat_q         <= 3'd0;
      beats_q        <= 10'd0;
      failed_q       <= 1'b0;
      headed_q       <= 1'b0;
    end else begin
      packet_valid_o <= rx_valid_i && rx_last_i;
      if (rx_valid_i) begin
        busy_q   <= !rx_last_i;
        beat_q   <= rx_last_i ? 3'd0 : beat_q + 3'd1;
        beats_q  <= rx_last_i ? 10'd0 : ((beats_q == '1) ? '1 : beats_q + 10'd1);
        failed_q <= failed;
        headed_q <= headed;
      end
    end
    if (rx_valid_i) begin
      cell_q <= cell_now;
      head_q <= head;
      if (!busy_q) begin
        arrival_o          <= time_i;
        header_o[511:0]    <= rx_data_i;
      end
      if (busy_q && beats_q == 10'd1) header_o[1023:512] <= rx_data_i;
      if (rx_last_i) begin
        packet_o.malformed <= size < 17'(farrier_pkg::EthernetHeaderBytes);
        packet_o.oversize  <= size > 17'(farrier_regs_pkg::MaxPacketBytes);
        packet_o.stored    <= !failed;
        packet_o.partial   <= failed && headed;
        packet_o.cells     <= 5'((size + 17'(farrier_regs_pkg::CellBytes - 1)) >> 9);
        packet_o.size      <= size[16] ? '1 : size[15:0];
        packet_o.head      <= head;
      end
    end
  end

endmodule
