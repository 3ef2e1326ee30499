// Keeps the account of TX cells: what each owner and each raw function has taken, may take and was
// given back. A question per cycle, its answer two cycles later; packets that follow each other closely
// see what those before took. What was released in the last few cycles may not count yet.
module tx_quota (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        clear_i,          // after reset: owner clear_owner_i
  input  farrier_pkg::owner_t         clear_owner_i,
  input  logic [127:0]                function_quota_i, // cells, 32 bits per function
  // May the packet have its cells? Cycle 0.
  input  logic                        ask_i,
  input  farrier_pkg::tx_release_t ask_cells_i,
  // Cycle 2.
  output logic                        fits_o,
  input  logic                        take_i,           // it has them
  // Cells come back.
  input  logic                        release_i,
  input  farrier_pkg::tx_release_t release_cells_i,
  // OWNER_TX_RELEASED of an owner, in the cycle after.
  input  farrier_pkg::owner_t         released_owner_i,
  output logic [31:0]                 released_o,
  // OWNER_TX_QUOTA, _TAKEN and _RELEASED.
  input  farrier_pkg::tx_access_t  access_i,
  output farrier_pkg::block_response_t access_o
);

  localparam int unsigned CountBits = farrier_pkg::TxCellBits + 1;  // of cells a function has

  // Cycle 0: read. Software reads when no packet of an owner asks.
  logic                ask_owner, look, write_quota;
  farrier_pkg::owner_t row;
  logic [31:0]         quota_stored, taken_stored, released_stored;

  assign ask_owner   = ask_i && !ask_cells_i.raw;
  assign row         = ask_owner ? ask_cells_i.owner : access_i.row;
  assign look        = access_i.valid && !access_i.write && !ask_owner && !looked_q;
  assign write_quota = access_i.valid && access_i.write && access_i.word == 2'd0;

  // Cycle 1.
  logic                        one_q, looked_q;
  farrier_pkg::tx_release_t one_cells_q;
  logic [31:0]                 taken_one, released_write_value;
  // Cycle 2.
  logic                        two_q, same;
  farrier_pkg::tx_release_t two_cells_q;
  logic [31:0]                 taken_two_q, used_two_q, quota_two_q, taken_two, used_two;
  logic [31:0]                 taken_after, used_after;
  logic [31:0]                 function_quota;
  // What the packet before left behind.
  logic                        before_q;
  farrier_pkg::owner_t         before_owner_q;
  logic [31:0]                 before_taken_q, before_used_q;
  // Releases.
  logic                        releasing_q, released_q, release_write;
  farrier_pkg::tx_release_t releasing_cells_q;
  farrier_pkg::owner_t         released_before_q, release_owner;
  logic [31:0]                 released_sum_q, released_now, released_sum;

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_quota (
    .clk_i,
    .write_i(clear_i || write_quota),
    .waddr_i(clear_i ? clear_owner_i : access_i.row),
    .wdata_i(clear_i ? farrier_pkg::TxQuotaAfterReset : access_i.data),
    .read_i (ask_owner || look),
    .raddr_i(row),
    .rdata_o(quota_stored)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_taken (
    .clk_i,
    .write_i(clear_i || (two_q && !two_cells_q.raw && take_i)),
    .waddr_i(clear_i ? clear_owner_i : two_cells_q.owner),
    .wdata_i(clear_i ? 32'd0 : taken_after),
    .read_i (ask_owner || look),
    .raddr_i(row),
    .rdata_o(taken_stored)
  );

  // The releases' sums: for the question, for the next sum, and for whoever tells the host.
  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_released_ask (
    .clk_i,
    .write_i(release_write),
    .waddr_i(release_owner),
    .wdata_i(released_write_value),
    .read_i (ask_owner || look),
    .raddr_i(row),
    .rdata_o(released_stored)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_released_sum (
    .clk_i,
    .write_i(release_write),
    .waddr_i(release_owner),
    .wdata_i(released_write_value),
    .read_i (release_i),
    .raddr_i(release_cells_i.owner),
    .rdata_o(released_now)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_released_tell (
    .clk_i,
    .write_i(release_write),
    .waddr_i(release_owner),
    .wdata_i(released_write_value),
    .read_i (1'b1),
    .raddr_i(released_owner_i),
    .rdata_o(released_o)
  );

  // Owners.
  always_comb begin
    taken_one = (before_q && before_owner_q == one_cells_q.owner) ? before_taken_q : taken_stored;

    same        = before_q && before_owner_q == two_cells_q.owner;
    taken_two   = same ? before_taken_q : taken_two_q;
    used_two    = same ? before_used_q : used_two_q;
    taken_after = taken_two + {27'd0, two_cells_q.cells};
    used_after  = used_two + {27'd0, two_cells_q.cells};

    released_sum = ((released_q && released_before_q == releasing_cells_q.owner) ? released_sum_q
                                                                                 : released_now) +
                   {27'd0, releasing_cells_q.cells};
    release_write        = clear_i || (releasing_q && !releasing_cells_q.raw);
    release_owner        = clear_i ? clear_owner_i : releasing_cells_q.owner;
    released_write_value = clear_i ? 32'd0 : released_sum;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      one_q       <= 1'b0;
      two_q       <= 1'b0;
      before_q    <= 1'b0;
      looked_q    <= 1'b0;
      releasing_q <= 1'b0;
      released_q  <= 1'b0;
    end else begin
      one_q       <= ask_i;
      two_q       <= one_q;
      before_q    <= two_q && !two_cells_q.raw;
      looked_q    <= look;
      releasing_q <= release_i;
      released_q  <= releasing_q && !releasing_cells_q.raw;
    end
    if (ask_i) one_cells_q <= ask_cells_i;
    if (one_q) begin
      two_cells_q <= one_cells_q;
      taken_two_q <= taken_one;
      used_two_q  <= taken_one - released_stored;
      quota_two_q <= quota_stored;
    end
    if (two_q) begin
      before_owner_q <= two_cells_q.owner;
      before_taken_q <= take_i ? taken_after : taken_two;
      before_used_q  <= take_i ? used_after : used_two;
    end
    if (release_i) releasing_cells_q <= release_cells_i;
    if (releasing_q) begin
      released_before_q <= releasing_cells_q.owner;
      released_sum_q    <= released_sum;
    end
  end

  // Raw functions.
  logic [4*CountBits-1:0] function_used_q, function_used;

  always_comb begin
    function_used = function_used_q;
    for (int unsigned f = 0; f < 4; f++) begin
      if (two_q && two_cells_q.raw && two_cells_q.func == 2'(f) && take_i) begin
        function_used[CountBits*f+:CountBits] =
            function_used[CountBits*f+:CountBits] + {{CountBits - 5{1'b0}}, two_cells_q.cells};
      end
      if (releasing_q && releasing_cells_q.raw && releasing_cells_q.func == 2'(f)) begin
        function_used[CountBits*f+:CountBits] =
            function_used[CountBits*f+:CountBits] - {{CountBits - 5{1'b0}}, releasing_cells_q.cells};
      end
    end
    function_quota = function_quota_i[32*two_cells_q.func+:32];
    if (two_cells_q.raw) begin
      fits_o = {{32 - CountBits{1'b0}}, function_used_q[CountBits*two_cells_q.func+:CountBits]} +
               {27'd0, two_cells_q.cells} <= function_quota;
    end else begin
      fits_o = {1'b0, used_two} + {28'd0, two_cells_q.cells} <= {1'b0, quota_two_q};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) function_used_q <= '0;
    else function_used_q <= function_used;
  end

  // Software.
  always_comb begin
    access_o.done = access_i.valid && (looked_q || access_i.write);
    access_o.bad  = access_i.word == 2'd3 || (access_i.write && access_i.word != 2'd0);
    unique case (access_i.word)
      2'd0:    access_o.data = quota_stored;
      2'd1:    access_o.data = taken_stored;
      2'd2:    access_o.data = released_stored;
      default: access_o.data = '0;
    endcase
  end

endmodule
