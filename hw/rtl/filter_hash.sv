// The H3 hash of one way, of a key and of its LISTEN form (source fields zero). H3 is linear over
// xor, so the two share their destination half. Combinational.
module filter_hash #(
  // Bit b of the hash is the parity of the key and Masks[320 b +: 320].
  parameter logic [5119:0] Masks = '0
) (
  input  logic         valid_i,   // else the outputs are 0
  input  logic         is_ipv6_i, // else key words 4-9 do not count
  input  logic [319:0] key_i,     // FILTER_KEY[i] at [32 i +: 32]
  output logic [15:0]  flow_o,
  output logic [15:0]  listen_o
);

  logic [15:0] ports_protocol, destination4, destination6, source4, source6;

  always_comb begin
    ports_protocol = '0;
    destination4   = '0;
    destination6   = '0;
    source4        = '0;
    source6        = '0;
    if (valid_i) begin
      for (int b = 0; b < 16; b++) begin
        ports_protocol[b] = ^({key_i[63:32], key_i[15:0]} & {Masks[320*b+32+:32], Masks[320*b+:16]});
        destination4[b]   = ^(key_i[95:64] & Masks[320*b+64+:32]);
        source4[b]        = ^({key_i[127:96], key_i[31:16]} &
                              {Masks[320*b+96+:32], Masks[320*b+16+:16]});
      end
      if (is_ipv6_i) begin
        for (int b = 0; b < 16; b++) begin
          destination6[b] = ^(key_i[191:96] & Masks[320*b+96+:96]);
          source6[b]      = ^({key_i[319:192], key_i[31:16]} &
                              {Masks[320*b+192+:128], Masks[320*b+16+:16]});
        end
      end
    end
    listen_o = ports_protocol ^ destination4 ^ destination6;
    flow_o   = listen_o ^ (is_ipv6_i ? source6 : source4);
  end

endmodule
