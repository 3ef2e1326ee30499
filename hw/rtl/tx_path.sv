// TX, from the functions to the wire: merge -> check -> egress.
module tx_path #(
  parameter int unsigned Functions = 2
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,         // after reset: tables are cleared, entry by entry
  input  logic [7:0]                clear_index_i,
  input  farrier_pkg::config_t      config_i,
  input  farrier_pkg::switched_t    switched_i,      // news of a row
  input  farrier_pkg::owner_t       seen_owner_i,
  output logic [31:0]               seen_o,          // TX_SEEN of it, in the cycle after
  // From the functions, a lane each.
  input  logic [Functions-1:0]      h2c_valid_i,
  input  logic [Functions*512-1:0]  h2c_data_i,
  input  logic [Functions*64-1:0]   h2c_keep_i,
  input  logic [Functions-1:0]      h2c_last_i,
  output logic [Functions-1:0]      h2c_ready_o,
  // To the wire.
  output logic                      tx_valid_o,
  output logic [511:0]              tx_data_o,
  output logic [63:0]               tx_keep_o,
  output logic                      tx_last_o,
  output logic [15:0]               tx_size_o,
  input  logic                      tx_ready_i,
  // Counting.
  output farrier_pkg::tx_count_t    count_o,
  output logic                      bad_prefix_o,
  output logic                      disabled_o,
  output logic                      packet_o,        // onto the wire
  output logic [15:0]               packet_bytes_o,
  output logic                      idle_o
);

  localparam int unsigned TxStoreBeats = 512;
  localparam int unsigned TxBits = $clog2(TxStoreBeats);

  logic                merged_valid, merged_last, merged_ready;
  logic [511:0]        merged_data, tx_read_data;
  logic [6:0]          merged_bytes;
  logic [1:0]          merged_func;
  logic                verdict, verdict_drop, verdict_ready, tx_read, check_idle, tx_idle;
  logic [15:0]         verdict_size;
  logic [7:0]          verdict_beats;
  logic [TxBits-1:0]   tx_read_address;

  tx_merge #(
    .Functions(Functions)
  ) u_tx_merge (
    .clk_i,
    .rst_ni,
    .h2c_valid_i,
    .h2c_data_i,
    .h2c_keep_i,
    .h2c_last_i,
    .h2c_ready_o,
    .valid_o(merged_valid),
    .data_o (merged_data),
    .bytes_o(merged_bytes),
    .last_o (merged_last),
    .func_o (merged_func),
    .ready_i(merged_ready)
  );

  tx_check #(
    .StoreBeats(TxStoreBeats)
  ) u_tx_check (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i       (clear_index_i),
    .enabled_i           (config_i.enabled),
    .raw_i               (config_i.raw),
    .valid_i             (merged_valid),
    .data_i              (merged_data),
    .bytes_i             (merged_bytes),
    .last_i              (merged_last),
    .func_i              (merged_func),
    .ready_o             (merged_ready),
    .switched_i          (switched_i.valid),
    .switched_owner_i    (switched_i.owner),
    .switched_state_i    (switched_i.state),
    .switched_generation_i(switched_i.generation),
    .seen_owner_i,
    .seen_o,
    .sent_o              (count_o.count[farrier_pkg::TxCountSent]),
    .stale_o             (count_o.count[farrier_pkg::TxCountStale]),
    .count_owner_o       (count_o.owner),
    .bad_prefix_o,
    .disabled_o,
    .read_i              (tx_read),
    .read_address_i      (tx_read_address),
    .read_data_o         (tx_read_data),
    .verdict_o           (verdict),
    .verdict_drop_o      (verdict_drop),
    .verdict_size_o      (verdict_size),
    .verdict_beats_o     (verdict_beats),
    .verdict_ready_i     (verdict_ready),
    .idle_o              (check_idle)
  );

  // Here: TX guard, checksum insertion, classes, pacer.

  tx_egress #(
    .StoreBeats(TxStoreBeats)
  ) u_tx_egress (
    .clk_i,
    .rst_ni,
    .verdict_i      (verdict),
    .verdict_drop_i (verdict_drop),
    .verdict_size_i (verdict_size),
    .verdict_beats_i(verdict_beats),
    .verdict_ready_o(verdict_ready),
    .read_o         (tx_read),
    .read_address_o (tx_read_address),
    .read_data_i    (tx_read_data),
    .tx_valid_o,
    .tx_data_o,
    .tx_keep_o,
    .tx_last_o,
    .tx_size_o,
    .tx_ready_i,
    .sent_o         (packet_o),
    .sent_bytes_o   (packet_bytes_o),
    .idle_o         (tx_idle)
  );

  assign count_o.count[farrier_pkg::TxCountFull]    = 1'b0;
  assign count_o.count[farrier_pkg::TxCountClamped] = 1'b0;
  assign idle_o = check_idle && tx_idle;

  logic unused;
  assign unused = ^config_i;

endmodule
