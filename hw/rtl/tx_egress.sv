// Sends checked frames to the wire, in order; frames that failed are skipped.
module tx_egress #(
  parameter int unsigned StoreBeats = 512,  // as in tx_check
  localparam int unsigned BeatBits = $clog2(StoreBeats)
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  // Verdicts, in order.
  input  logic                verdict_i,
  input  logic                verdict_drop_i,
  input  logic [15:0]         verdict_size_i,   // bytes
  input  logic [7:0]          verdict_beats_i,  // stored
  output logic                verdict_ready_o,  // its beats are read
  // Stored beats; read_data_i in the cycle after.
  output logic                read_o,
  output logic [BeatBits-1:0] read_address_o,
  input  logic [511:0]        read_data_i,
  // Wire.
  output logic                tx_valid_o,
  output logic [511:0]        tx_data_o,        // 0 when not valid
  output logic [63:0]         tx_keep_o,
  output logic                tx_last_o,        // 0 when not valid
  output logic [15:0]         tx_size_o,        // bytes, the same over a frame
  input  logic                tx_ready_i,
  // Counting: a frame has left.
  output logic                sent_o,
  output logic [15:0]         sent_bytes_o,
  output logic                idle_o
);

  localparam int unsigned OutDepth = 16;

  logic [BeatBits-1:0] read_q;
  logic [7:0]          beat_q;
  logic                room, go, last, push_q, last_q;
  logic [15:0]         size_q;

  assign go              = verdict_i && !verdict_drop_i && room;
  assign last            = beat_q + 8'd1 == verdict_beats_i;
  assign verdict_ready_o = verdict_i && (verdict_drop_i || (go && last));
  assign read_o          = go;
  assign read_address_o  = read_q + {{BeatBits - 8{1'b0}}, beat_q};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q <= '0;
      beat_q <= '0;
      push_q <= 1'b0;
    end else begin
      if (verdict_ready_o) begin
        read_q <= read_q + {{BeatBits - 8{1'b0}}, verdict_beats_i};
        beat_q <= '0;
      end else if (go) begin
        beat_q <= beat_q + 8'd1;
      end
      push_q <= go;
    end
    if (go) begin
      last_q <= last;
      size_q <= verdict_size_i;
    end
  end

  logic                      out_valid, out_last, out_full;
  logic [511:0]              out_data;
  logic [15:0]               out_size;
  logic [$clog2(OutDepth):0] out_level;

  fifo #(
    .Width(529),
    .Depth(OutDepth)
  ) u_out (
    .clk_i,
    .rst_ni,
    .push_i (push_q),
    .data_i ({last_q, size_q, read_data_i}),
    .full_o (out_full),
    .valid_o(out_valid),
    .data_o ({out_last, out_size, out_data}),
    .pop_i  (out_valid && tx_ready_i),
    .level_o(out_level)
  );

  assign room       = out_level < ($clog2(OutDepth) + 1)'(OutDepth - 2);
  assign tx_valid_o = out_valid;
  assign tx_data_o  = out_valid ? out_data : '0;
  assign tx_keep_o  = out_valid ? (out_last ? farrier_pkg::keep_mask(out_size[5:0]) : '1) : '0;
  assign tx_last_o  = out_valid && out_last;
  assign tx_size_o  = out_valid ? out_size : '0;
  assign sent_o       = out_valid && tx_ready_i && out_last;
  assign sent_bytes_o = out_size;
  assign idle_o       = !push_q && !out_valid;

  logic unused;
  assign unused = out_full;

endmodule
