// One step along IPv6's extension headers, in a cycle: if the walk stands at one that can be read, over it.
module rx_parser_extension #(
  parameter int unsigned TailWords = 38,
  parameter bit First = 1'b0              // the walk can only stand at word 5, behind IPv6's header
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    valid_i,
  input  farrier_pkg::walk_t      walk_i,
  input  logic [32*TailWords-1:0] tail_i,  // the window from 20 bytes behind the IP header's start
  output logic                    valid_o,
  output farrier_pkg::walk_t      walk_o,
  output logic [32*TailWords-1:0] tail_o
);

  // What the walk stands at: its first 4 bytes. Always an odd word.
  logic [31:0] header;

  always_comb begin
    header = '0;
    if (valid_i) header = tail_i[32*(First ? 6'd5 : {walk_i.words[5:1], 1'b1})+:32];
  end

  logic        is_fragment, is_extension, in_window, whole;
  logic [8:0]  units;       // its length, in 8 bytes
  logic [11:0] last_words;
  logic [12:0] fragment_offset;

  always_comb begin
    is_fragment  = walk_i.protocol == 8'd44;
    is_extension = is_fragment || walk_i.protocol == 8'd0 || walk_i.protocol == 8'd43 ||
                   walk_i.protocol == 8'd60;
    unique case (walk_i.l3_offset)
      5'd22:   last_words = 12'((farrier_regs_pkg::ParseBytes - 8 - 22 - 20) / 4);
      5'd18:   last_words = 12'((farrier_regs_pkg::ParseBytes - 8 - 18 - 20) / 4);
      default: last_words = 12'((farrier_regs_pkg::ParseBytes - 8 - 14 - 20) / 4);
    endcase
    in_window       = walk_i.words <= last_words;
    units           = is_fragment ? 9'd1 : {1'b0, header[15:8]} + 9'd1;
    whole           = {4'd0, units} <= walk_i.rest[15:3];
    fragment_offset = {header[23:16], header[31:27]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= valid_i;
    if (valid_i) begin
      tail_o <= tail_i;
      walk_o <= walk_i;
      if (walk_i.active && walk_i.ipv6 && is_extension) begin
        if (!in_window) begin
          walk_o.active <= 1'b0;
        end else if (!whole) begin
          walk_o.active <= 1'b0;
          walk_o.bad    <= 1'b1;
        end else begin
          walk_o.protocol <= header[7:0];
          walk_o.words    <= walk_i.words + {2'd0, units, 1'b0};
          walk_o.rest     <= walk_i.rest - {4'd0, units, 3'd0};
          walk_o.routing  <= walk_i.routing || walk_i.protocol == 8'd43;
          walk_o.fragment <= walk_i.fragment || is_fragment;
          walk_o.active   <= !(is_fragment && fragment_offset != 13'd0);
        end
      end
    end
  end

  logic unused;
  assign unused = ^header[26:24];  // a fragment's flags

endmodule
