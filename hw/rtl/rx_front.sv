// RX up to the lookups: frames from the wire are stored, their headers read and their checksums verified.
module rx_front (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [63:0]                 time_i,         // ns
  input  logic [15:0]                 pony_low_i,     // UDP ports of Pony; low > high: none
  input  logic [15:0]                 pony_high_i,
  // From the wire; never waits.
  input  logic                        rx_valid_i,
  input  logic [511:0]                rx_data_i,
  input  logic [63:0]                 rx_keep_i,
  input  logic                        rx_last_i,
  input  logic [15:0]                 rx_size_i,      // with a frame's first beat
  input  logic                        refuse_i,       // frames that begin now are not stored
  // Free cells.
  input  logic                        cell_valid_i,
  input  farrier_pkg::cell_t          cell_i,
  input  logic [farrier_pkg::CellBits:0] cells_i,     // how many
  output logic                        cell_take_o,
  // Packet memory, and the links between its cells.
  output logic                        write_o,
  output logic [farrier_pkg::CellBits+2:0] write_address_o,
  output logic [511:0]                write_data_o,
  output logic                        link_write_o,
  output farrier_pkg::cell_t          link_address_o,
  output farrier_pkg::cell_link_t     link_o,
  output farrier_pkg::arriving_t      arriving_o,
  // Packets, when their headers have been read.
  output logic                        packet_valid_o,
  output farrier_pkg::rx_packet_t     packet_o,
  output farrier_pkg::packet_meta_t   meta_o,
  output farrier_pkg::classify_t      classify_o,
  // Verdicts on the checksums of packets that are stored.
  output logic                        verdict_valid_o,
  output farrier_pkg::cell_t          verdict_head_o,
  output farrier_pkg::checksums_t     verdict_o,
  output logic                        open_o,         // one is still being summed up
  output farrier_pkg::cell_t          open_head_o,
  output logic                        idle_o          // the wire is; what came may still be on its way
);

  logic                         write_last, window_valid, window_last;
  logic [1:0]                   window_beat;
  logic [511:0]                 window_data;
  farrier_pkg::rx_packet_t      window_packet;
  logic [63:0]                  arrival;
  farrier_pkg::checksum_query_t query;

  rx_ingress u_ingress (
    .clk_i,
    .rst_ni,
    .time_i,
    .rx_valid_i,
    .rx_data_i,
    .rx_keep_i,
    .rx_last_i,
    .rx_size_i,
    .refuse_i,
    .cell_valid_i,
    .cell_i,
    .cells_i,
    .cell_take_o,
    .write_o,
    .write_last_o   (write_last),
    .write_address_o,
    .write_data_o,
    .link_write_o,
    .link_address_o,
    .link_o,
    .arriving_o,
    .idle_o,
    .window_valid_o (window_valid),
    .window_last_o  (window_last),
    .window_beat_o  (window_beat),
    .window_data_o  (window_data),
    .packet_o       (window_packet),
    .arrival_o      (arrival)
  );

  rx_parser u_parser (
    .clk_i,
    .rst_ni,
    .valid_i    (window_valid),
    .last_i     (window_last),
    .beat_i     (window_beat),
    .data_i     (window_data),
    .packet_i   (window_packet),
    .arrival_i  (arrival),
    .pony_low_i,
    .pony_high_i,
    .valid_o    (packet_valid_o),
    .packet_o,
    .meta_o,
    .classify_o,
    .checksum_o (query)
  );

  rx_checksum u_checksum (
    .clk_i,
    .rst_ni,
    .valid_i      (write_o),
    .last_i       (write_last),
    .data_i       (write_data_o),
    .query_valid_i(packet_valid_o && packet_o.stored),
    .query_i      (query),
    .head_i       (packet_o.head),
    .valid_o      (verdict_valid_o),
    .head_o       (verdict_head_o),
    .checksums_o  (verdict_o),
    .open_o,
    .open_head_o
  );

endmodule
