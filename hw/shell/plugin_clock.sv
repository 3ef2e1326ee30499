// The card's time in ns: counts 4 ns per cycle of the 250 MHz clock, or follows a PTP clock while one is
// there. It never goes back: behind a PTP time that lies in the past it stands still.
module plugin_clock (
  input  logic        clk_i,       // 250 MHz
  input  logic        rst_ni,
  input  logic        ptp_valid_i,  // ptp_time_i counts; tie to 0 where there is none
  input  logic [63:0] ptp_time_i,  // ns
  output logic [63:0] time_o       // ns
);

  logic        ptp_valid_q;
  logic [63:0] ptp_time_q, time_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ptp_valid_q <= 1'b0;
      time_q      <= '0;
    end else begin
      ptp_valid_q <= ptp_valid_i;
      if (!ptp_valid_q) time_q <= time_q + 64'd4;
      else if (ptp_time_q > time_q) time_q <= ptp_time_q;
    end
    ptp_time_q <= ptp_time_i;
  end

  assign time_o = time_q;

endmodule
