// What must hold at the card's streams, bound to the card.
module farrier_card_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic                     ready_o,
  input logic                     clear_q,
  input logic                     request,
  input logic                     rx_valid_i,
  input logic                     rx_open_q,
  input logic                     rx_inside_q,
  input logic                     idle_o,
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

  // The reset's end.
  cover property (@(posedge clk_i) rst_ni && clear_q && request);
  cover property (@(posedge clk_i) rst_ni && clear_q && rx_valid_i);
  cover property (@(posedge clk_i) rst_ni && !clear_q && !rx_open_q && rx_inside_q);  // within a frame
  cover property (@(posedge clk_i) rst_ni && ready_o && idle_o);

  // Raw functions get a packet while it arrives: gaps on the wire, which the shell has none of, show.
  logic gaps_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || (idle_o && !rx_inside_q)) gaps_q <= 1'b0;
    else if (rx_inside_q && !rx_valid_i) gaps_q <= 1'b1;
  end

  stream_checks u_tx (
    .clk_i,
    .rst_ni,
    .valid_i(tx_valid_o),
    .data_i (tx_data_o),
    .keep_i (tx_keep_o),
    .last_i (tx_last_o),
    .size_i (tx_size_o),
    .ready_i(tx_ready_i),
    .gaps_i (1'b0)
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
      .ready_i(c2h_ready_i[f]),
      .gaps_i (gaps_q)
    );
  end

endmodule

bind farrier_card farrier_card_checks #(.Functions(Functions)) u_checks (.*);
