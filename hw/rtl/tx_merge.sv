// Joins the functions' lanes into one stream, packet by packet and in turn. The lanes come out of one
// stream in the shell (QDMA's H2C), so a packet once begun never waits for another lane's.
module tx_merge #(
  parameter int unsigned Functions = 2
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  // From the functions (H2C), a lane each.
  input  logic [Functions-1:0]     h2c_valid_i,
  input  logic [Functions*512-1:0] h2c_data_i,
  input  logic [Functions*64-1:0]  h2c_keep_i,   // contiguous from byte 0; all ones but at the end
  input  logic [Functions-1:0]     h2c_last_i,
  input  logic [Functions*16-1:0]  h2c_size_i,   // bytes, the same over a packet
  output logic [Functions-1:0]     h2c_ready_o,
  // Joined.
  output logic                     valid_o,
  output logic [511:0]             data_o,
  output logic [63:0]              keep_o,
  output logic                     last_o,
  output logic [1:0]               func_o,
  output logic [15:0]              size_o,       // of the packet, as its function says
  input  logic                     ready_i
);

  localparam int Lanes = Functions;

  logic       busy_q;     // within a packet of lane_q
  logic [1:0] lane_q, lane;
  logic       found;

  always_comb begin
    lane  = lane_q;
    found = busy_q;
    if (!busy_q) begin
      // The lane after the last one served comes first.
      for (int i = Lanes - 1; i >= 0; i--) begin
        if (h2c_valid_i[i]) begin
          lane  = 2'(i);
          found = 1'b1;
        end
      end
      for (int i = Lanes - 1; i >= 0; i--) begin
        if (h2c_valid_i[i] && 2'(i) > lane_q) begin
          lane  = 2'(i);
          found = 1'b1;
        end
      end
    end

    valid_o     = 1'b0;
    data_o      = '0;
    keep_o      = '0;
    last_o      = 1'b0;
    func_o      = lane;
    size_o      = '0;
    h2c_ready_o = '0;
    for (int unsigned f = 0; f < Functions; f++) begin
      if (found && lane == 2'(f)) begin
        valid_o        = h2c_valid_i[f];
        h2c_ready_o[f] = ready_i;
        if (h2c_valid_i[f]) begin
          data_o  = h2c_data_i[512*f+:512];
          keep_o  = h2c_keep_i[64*f+:64];
          last_o  = h2c_last_i[f];
          size_o  = h2c_size_i[16*f+:16];
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      lane_q <= 2'd0;
    end else if (valid_o && ready_i) begin
      busy_q <= !last_o;
      lane_q <= lane;
    end
  end

endmodule
