// The TX guard: per function, the source addresses that its frames may have. A frame per cycle, the
// verdict two cycles later. What a frame must be is at FunctionControl.guard in registers.yaml.
module tx_guard #(
  parameter int unsigned Functions = 2
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic                         clear_i,         // after reset: entries of clear_func_i
  input  logic [1:0]                   clear_func_i,
  // GUARD_*: held until done.
  input  logic                         access_valid_i,
  input  farrier_pkg::block_request_t  access_i,
  output farrier_pkg::block_response_t access_o,
  // A frame.
  input  logic                         valid_i,
  input  logic [1:0]                   func_i,
  input  farrier_pkg::classify_t       classify_i,
  input  farrier_pkg::tx_arp_t         arp_i,           // its fields, if it is ARP
  output logic                         valid_o,
  output logic                         violation_o
);

  localparam int unsigned Entries = farrier_regs_pkg::GuardEntries;
  localparam int unsigned EntryBits = 130;  // kind, words 3 to 0
  localparam logic [15:0] TypeArp = 16'h0806;

  // Software.
  logic [127:0] value_q;
  logic [1:0]   kind_q;
  logic [19:0]  at;
  logic [1:0]   command_func;
  logic [2:0]   command_index, looked_index_q;
  logic         is_here, is_value, is_commit, is_read, exists, commit, look, looked_q;

  always_comb begin
    at            = access_i.address;
    is_here       = at[19:5] == farrier_regs_pkg::RegGuardValue[19:5];
    is_value      = is_here && at[4] == 1'b0;
    is_commit     = at == farrier_regs_pkg::RegGuardCommit;
    is_read       = at == farrier_regs_pkg::RegGuardRead;
    command_index = access_i.data[farrier_regs_pkg::GuardCommandIndexLsb+:3];
    command_func  = access_i.data[farrier_regs_pkg::GuardCommandFunctionLsb+:2];
    exists        = access_i.data[farrier_regs_pkg::GuardCommandIndexLsb+:8] < 8'(Entries) &&
                    {30'd0, command_func} < Functions;
    commit        = access_valid_i && access_i.write && is_commit && exists;
    look          = access_valid_i && access_i.write && is_read && exists && !valid_i && !looked_q;

    access_o.done = access_valid_i;
    access_o.bad  = 1'b0;
    access_o.data = '0;
    if (is_value) begin
      access_o.data = value_q[32*at[3:2]+:32];
    end else if (is_commit || is_read) begin
      access_o.bad = !access_i.write || !exists;
      if (is_read && access_i.write && exists) access_o.done = access_valid_i && looked_q;
    end else begin
      access_o.bad  = access_i.write || at != farrier_regs_pkg::RegGuardKind;
      access_o.data = access_o.bad ? 32'd0 : {30'd0, kind_q};
    end
  end

  logic [EntryBits-1:0] looked;  // the entry that software wants
  assign looked = g_entry[Entries-1].so_far;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      value_q  <= '0;
      kind_q   <= farrier_regs_pkg::GuardKindNothing;
      looked_q <= 1'b0;
    end else begin
      looked_q <= look;
      // Word by word: a place that a signal picks would become shifters of all of them.
      for (int i = 0; i < 4; i++) begin
        if (access_valid_i && access_i.write && is_value && at[3:2] == 2'(i)) begin
          value_q[32*i+:32] <= access_i.data;
        end
      end
      if (looked_q) begin
        value_q <= looked[127:0];
        kind_q  <= looked[129:128];
      end
    end
    if (look) looked_index_q <= command_index;
  end

  // The frame.
  logic                   valid_q;
  farrier_pkg::classify_t classify_q;
  farrier_pkg::tx_arp_t   arp_q;
  logic [Entries-1:0]     mac_hit, sender_hit, ipv4_hit, ipv6_hit;
  logic [31:0]            ipv4;
  logic [127:0]           ipv6;  // most significant word lowest
  logic                   is_arp;

  always_comb begin
    is_arp = !classify_q.ipv4 && !classify_q.ipv6 && classify_q.ether_type == TypeArp;
    ipv4   = is_arp ? arp_q.sender_ip : classify_q.src_ip[127:96];
    ipv6   = {classify_q.src_ip[31:0], classify_q.src_ip[63:32], classify_q.src_ip[95:64],
              classify_q.src_ip[127:96]};
  end

  // All entries of its function at once.
  for (genvar i = 0; i < Entries; i++) begin : g_entry
    logic [EntryBits-1:0] entry, so_far, others;

    if (i == 0) begin : g_first
      assign others = '0;
    end else begin : g_next
      assign others = g_entry[i-1].so_far;
    end

    ram_1r1w #(
      .Width(EntryBits),
      .Depth(4)
    ) u_entry (
      .clk_i,
      .write_i(clear_i || (commit && command_index == 3'(i))),
      .waddr_i(clear_i ? clear_func_i : command_func),
      .wdata_i(clear_i ? {EntryBits{1'b0}}
                       : {access_i.data[farrier_regs_pkg::GuardCommandKindLsb+:2], value_q}),
      .read_i (valid_i || look),
      .raddr_i(valid_i ? func_i : command_func),
      .rdata_o(entry)
    );

    always_comb begin
      so_far = others;
      if (looked_q && looked_index_q == 3'(i)) so_far = entry;

      mac_hit[i]    = 1'b0;
      sender_hit[i] = 1'b0;
      ipv4_hit[i]   = 1'b0;
      ipv6_hit[i]   = 1'b0;
      if (valid_q) begin
        unique case (entry[129:128])
          farrier_regs_pkg::GuardKindMac: begin
            mac_hit[i]    = {entry[15:0], entry[63:32]} == classify_q.src_mac;
            sender_hit[i] = {entry[15:0], entry[63:32]} == arp_q.sender_mac;
          end
          farrier_regs_pkg::GuardKindIpv4: ipv4_hit[i] = entry[31:0] == ipv4;
          farrier_regs_pkg::GuardKindIpv6: ipv6_hit[i] = entry[127:0] == ipv6;
          default: ;
        endcase
      end
    end
  end

  // Decide.
  logic good_q, arp_good_q, is_arp_q, is_ipv4_q, is_ipv6_q, ipv4_hit_q, ipv6_hit_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      valid_q <= valid_i;
      valid_o <= valid_q;
    end
    if (valid_i) begin
      classify_q <= classify_i;
      arp_q      <= arp_i;
    end
    if (valid_q) begin
      good_q     <= !classify_q.has_vlan && !classify_q.bad_header && mac_hit != '0;
      is_ipv4_q  <= classify_q.ipv4;
      is_ipv6_q  <= classify_q.ipv6;
      is_arp_q   <= is_arp && arp_q.good;
      ipv4_hit_q <= ipv4_hit != '0;
      ipv6_hit_q <= ipv6_hit != '0;
      arp_good_q <= sender_hit != '0 && (ipv4_hit != '0 || arp_q.sender_ip == '0);
    end
  end

  assign violation_o = !(good_q && ((is_ipv4_q && ipv4_hit_q) || (is_ipv6_q && ipv6_hit_q) ||
                                    (is_arp_q && arp_good_q)));

  // The guard looks at sources alone.
  logic unused;
  assign unused = ^{classify_q, at[1:0], access_i.data};

endmodule
