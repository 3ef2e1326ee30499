// What must hold at the card's streams, bound to the card.
module card_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic                     rx_ready_o,
  input logic                     tx_valid_o,
  input logic [511:0]             tx_data_o,
  input logic [63:0]              tx_keep_o,
  input logic                     tx_last_o,
  input logic [15:0]              tx_size_o,
  input logic                     tx_ready_i,
  input logic [Functions-1:0]     c2h_valid_o,
  input logic [Functions*512-1:0] c2h_data_o,
  input logic [Functions*64-1:0]  c2h_keep_o,
  input logic [Functions-1:0]     c2h_last_o,
  input logic [Functions*16-1:0]  c2h_size_o,
  input logic [Functions-1:0]     c2h_ready_i
);

  assert property (@(posedge clk_i) rx_ready_o) else $error("card: the wire has to wait");

  stream_checks u_tx (
    .clk_i,
    .rst_ni,
    .valid_i(tx_valid_o),
    .data_i (tx_data_o),
    .keep_i (tx_keep_o),
    .last_i (tx_last_o),
    .size_i (tx_size_o),
    .ready_i(tx_ready_i)
  );

  for (genvar f = 0; f < Functions; f++) begin : g_c2h
    stream_checks u_c2h (
      .clk_i,
      .rst_ni,
      .valid_i(c2h_valid_o[f]),
      .data_i (c2h_data_o[512*f+:512]),
      .keep_i (c2h_keep_o[64*f+:64]),
      .last_i (c2h_last_o[f]),
      .size_i (c2h_size_o[16*f+:16]),
      .ready_i(c2h_ready_i[f])
    );
  end

endmodule
