// One exact-match table: four ways, each a RAM of whole entries. A lookup reads one place per way and
// answers two cycles later, way by way.
module filter_table #(
  parameter int unsigned Depth = 512,    // entries per way, a power of two up to 65,536
  parameter int unsigned KeyBits = 320,
  parameter RamStyle = "auto",           // see ram_1r1w
  localparam int unsigned IndexBits = $clog2(Depth)
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  // Lookup or read-back: all four places are read.
  input  logic               read_i,
  input  logic [4*16-1:0]    hash_i,         // of each way; its low bits are the index
  input  logic [KeyBits-1:0] key_i,          // looked for, in the cycle after read_i
  output logic [3:0]         match_o,        // two cycles after read_i: the ways that have the key
  output logic [4*8-1:0]     owners_o,       // then: what each way says
  // One place as it is, in the cycle after read_i.
  input  logic               entry_read_i,   // then: it is wanted; else the outputs are 0
  input  logic [1:0]         entry_way_i,
  output logic               entry_valid_o,
  output logic [7:0]         entry_owner_o,
  output logic [KeyBits-1:0] entry_key_o,
  // Installs or clears one entry.
  input  logic               write_i,
  input  logic [3:0]         write_ways_i,   // mask
  input  logic [15:0]        write_index_i,
  input  logic               write_valid_i,  // 0: the place becomes empty
  input  logic [7:0]         write_owner_i,
  input  logic [KeyBits-1:0] write_key_i
);

  if (Depth < 2 || Depth > 65536 || (Depth & (Depth - 1)) != 0) begin : g_check
    $error("filter_table: Depth must be a power of two between 2 and 65536");
  end

  localparam int unsigned EntryBits = KeyBits + 9;

  logic                 compare_q;
  logic [EntryBits-1:0] entry;  // that software wants

  for (genvar way = 0; way < 4; way++) begin : g_way
    logic [EntryBits-1:0] read, chosen, chosen_before;  // {valid, owner, key}

    if (way == 0) begin : g_first
      assign chosen_before = '0;
    end else begin : g_next
      assign chosen_before = g_way[way-1].chosen;
    end

    ram_1r1w #(
      .Width(EntryBits),
      .Depth(Depth),
      .Style(RamStyle)
    ) u_ram (
      .clk_i,
      .write_i(write_i && write_ways_i[way]),
      .waddr_i(write_index_i[IndexBits-1:0]),
      .wdata_i({write_valid_i, write_owner_i, write_key_i}),
      .read_i,
      .raddr_i(hash_i[16*way+:IndexBits]),
      .rdata_o(read)
    );

    always_ff @(posedge clk_i) begin
      match_o[way] <= 1'b0;
      if (compare_q) begin
        match_o[way]         <= read[KeyBits+8] && read[KeyBits-1:0] == key_i;
        owners_o[8*way+:8] <= read[KeyBits+:8];
      end
    end

    always_comb begin
      chosen = chosen_before;
      if (entry_read_i && entry_way_i == 2'(way)) chosen = read;
    end
  end

  assign entry = g_way[3].chosen;
  assign {entry_valid_o, entry_owner_o, entry_key_o} = entry;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) compare_q <= 1'b0;
    else compare_q <= read_i;
  end

  // A way's hash is wider than its index, and so may the index to write be.
  logic unused;
  assign unused = ^{hash_i, write_index_i};

endmodule
