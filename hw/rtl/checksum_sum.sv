// The ones' complement sum of a packet's 16-bit words from byte `from_i` (even) up to, not
// including, byte `to_i`, and of `seed_i`: 0xFFFF if a checksum lies within and is right (RFC 1071). One
// beat per cycle, with or without gaps; the sum comes Latency cycles after the last beat. To insert a checksum: sum
// over everything with what is in its place, then ~(sum + ~old) in ones' complement.
module checksum_sum #(
  parameter int unsigned TagBits = 1
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               valid_i,
  input  logic               first_i,
  input  logic               last_i,
  input  logic [511:0]       data_i,   // byte 0 in the lowest bits
  input  logic [7:0]         from_i,   // these three: with every beat of a packet the same
  input  logic [15:0]        to_i,
  input  logic [20:0]        seed_i,
  input  logic [TagBits-1:0] tag_i,    // comes out with the beat
  output logic               valid_o,  // a beat has been summed up
  output logic               last_o,   // the last one: with it, sum_o
  output logic [TagBits-1:0] tag_o,
  output logic [15:0]        sum_o
);

  localparam int unsigned Latency = 8;
  localparam int unsigned AdderLatency = 3;

  // What goes along.
  logic [Latency-1:0]             stage_q, last_q;
  logic [1+AdderLatency:0]        first_q;
  logic [21*(2+AdderLatency)-1:0] seeds_q;
  logic [TagBits*Latency-1:0]     tags_q;

  // First cycle: which of this beat's bytes.
  logic [9:0]   beat_q, beat;    // stays at its highest value: nothing is behind MAX_PACKET_BYTES
  logic [511:0] data_q, masked_q;
  logic [6:0]   from_q, to_q;    // within the beat, 0-64

  // Of an offset in the packet, the part within beat `beat`.
  function automatic logic [6:0] part_of(logic [15:0] offset, logic [9:0] index);
    part_of = (offset[15:6] < index) ? 7'd0 : ((offset[15:6] > index) ? 7'd64 : {1'b0, offset[5:0]});
  endfunction

  assign beat = first_i ? 10'd0 : beat_q;

  // Second cycle: the others become 0, and bytes numbers.
  function automatic logic [511:0] words_of(logic [511:0] data, logic [6:0] from, logic [6:0] to);
    logic [63:0] keep;
    keep = farrier_pkg::below(to) & ~farrier_pkg::below(from);
    for (int i = 0; i < 16; i++) begin
      words_of[32*i+:32] = {data[32*i+16+:8], data[32*i+24+:8], data[32*i+:8], data[32*i+8+:8]} &
                           {{8{keep[4*i+2]}}, {8{keep[4*i+3]}}, {8{keep[4*i]}}, {8{keep[4*i+1]}}};
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      beat_q <= (beat == '1) ? beat : beat + 10'd1;
      data_q <= data_i;
      from_q <= part_of({8'd0, from_i}, beat);
      to_q   <= part_of(to_i, beat);
    end
    if (stage_q[0]) masked_q <= words_of(data_q, from_q, to_q);
  end

  // Then the beat's sum.
  logic [21:0] beat_sum;

  checksum_adder #(
    .Words(32)
  ) u_adder (
    .clk_i,
    .rst_ni,
    .valid_i(stage_q[1]),
    .words_i(masked_q),
    .sum_o  (beat_sum)
  );

  // Then the packet's, and the carries back in: at most 150 beats.
  logic [31:0] sum_q;
  logic [16:0] folded_q;

  always_ff @(posedge clk_i) begin
    if (stage_q[1+AdderLatency]) begin
      sum_q <= (first_q[1+AdderLatency] ? {11'd0, seeds_q[21*(1+AdderLatency)+:21]} : sum_q) +
               {10'd0, beat_sum};
    end
    folded_q <= {1'b0, sum_q[15:0]} + {1'b0, sum_q[31:16]};
    sum_o    <= folded_q[15:0] + {15'd0, folded_q[16]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) stage_q <= '0;
    else stage_q <= {stage_q[Latency-2:0], valid_i};
    last_q  <= {last_q[Latency-2:0], last_i};
    first_q <= {first_q[AdderLatency:0], first_i};
    seeds_q <= {seeds_q[21*(1+AdderLatency)-1:0], seed_i};
    tags_q  <= {tags_q[TagBits*(Latency-1)-1:0], tag_i};
  end

  assign valid_o = stage_q[Latency-1];
  assign last_o  = last_q[Latency-1];
  assign tag_o   = tags_q[TagBits*(Latency-1)+:TagBits];

endmodule
