// The AXI-Lite slave between a master that keeps AXI's rules and a card that answers within four cycles.
module axil_slave_proof (
  input logic       clk_i,
  input logic       awvalid_i,
  input logic [1:0] awaddr_i,
  input logic       wvalid_i,
  input logic [31:0] wdata_i,
  input logic       bready_i,
  input logic       arvalid_i,
  input logic [1:0] araddr_i,
  input logic       rready_i,
  input logic       done_i,
  input logic [31:0] data_i
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  logic        awready, wready, bvalid, arready, rvalid, request, write;
  logic [1:0]  bresp, rresp, address;
  logic [31:0] rdata, data;

  axil_slave #(
    .AddressBits(2)
  ) u_slave (
    .clk_i,
    .rst_ni   (started_q),
    .awvalid_i,
    .awaddr_i,
    .awready_o(awready),
    .wvalid_i,
    .wdata_i,
    .wready_o (wready),
    .bvalid_o (bvalid),
    .bresp_o  (bresp),
    .bready_i,
    .arvalid_i,
    .araddr_i,
    .arready_o(arready),
    .rvalid_o (rvalid),
    .rdata_o  (rdata),
    .rresp_o  (rresp),
    .rready_i,
    .request_o(request),
    .write_o  (write),
    .address_o(address),
    .data_o   (data),
    .done_i,
    .data_i
  );

  // As they were in the cycle before.
  logic        aw_q = 1'b0, w_q = 1'b0, ar_q = 1'b0, b_q = 1'b0, r_q = 1'b0;  // waited
  logic        request_q = 1'b0, write_q, done_q = 1'b0;
  logic [1:0]  awaddr_q, araddr_q, address_q;
  logic [31:0] wdata_q, rdata_q, data_q, read_q;

  // What the master is owed.
  logic        has_aw_q = 1'b0, has_w_q = 1'b0, has_ar_q = 1'b0;  // taken and not answered
  logic [1:0]  taken_aw_q, taken_ar_q;
  logic [31:0] taken_w_q;
  logic        did_write_q = 1'b0, did_read_q = 1'b0;  // done, answer not yet taken
  logic [2:0]  thinking_q = 3'd0;                      // cycles of the request
  logic [2:0]  write_waits_q = 3'd0, read_waits_q = 3'd0;
  logic        write_ends, read_ends;

  assign write_ends = bvalid && bready_i;
  assign read_ends  = rvalid && rready_i;

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      aw_q      <= awvalid_i && !awready;
      w_q       <= wvalid_i && !wready;
      ar_q      <= arvalid_i && !arready;
      b_q       <= bvalid && !bready_i;
      r_q       <= rvalid && !rready_i;
      request_q <= request && !done_i;
      done_q    <= request && done_i;
      if (awvalid_i && awready) has_aw_q <= 1'b1;
      else if (request && write && done_i) has_aw_q <= 1'b0;
      if (wvalid_i && wready) has_w_q <= 1'b1;
      else if (request && write && done_i) has_w_q <= 1'b0;
      if (arvalid_i && arready) has_ar_q <= 1'b1;
      else if (read_ends) has_ar_q <= 1'b0;
      if (request && done_i && write) did_write_q <= 1'b1;
      else if (write_ends) did_write_q <= 1'b0;
      if (request && done_i && !write) did_read_q <= 1'b1;
      else if (read_ends) did_read_q <= 1'b0;
      thinking_q <= (request && !done_i) ? thinking_q + 3'd1 : 3'd0;
    end
    awaddr_q  <= awaddr_i;
    araddr_q  <= araddr_i;
    wdata_q   <= wdata_i;
    rdata_q   <= rdata;
    write_q   <= write;
    address_q <= address;
    data_q    <= data;
    if (awvalid_i && awready) taken_aw_q <= awaddr_i;
    if (wvalid_i && wready) taken_w_q <= wdata_i;
    if (arvalid_i && arready) taken_ar_q <= araddr_i;
    if (request && done_i) read_q <= data_i;
    // Accesses of the other kind that were begun while one waited.
    if (!started_q || !(has_aw_q && has_w_q) || (request && write)) write_waits_q <= 3'd0;
    else if (request && done_i && write_waits_q != 3'd7) write_waits_q <= write_waits_q + 3'd1;
    if (!started_q || !arvalid_i || arready) read_waits_q <= 3'd0;
    else if (request && write && done_i && read_waits_q != 3'd7) read_waits_q <= read_waits_q + 3'd1;
  end

  // What is inside, for the induction.
  (* hierconn *) wire       \u_slave.has_address_q ;
  (* hierconn *) wire       \u_slave.has_data_q ;
  (* hierconn *) wire       \u_slave.busy_q ;
  (* hierconn *) wire [1:0] \u_slave.write_address_q ;
  (* hierconn *) wire [31:0] \u_slave.data_q ;

  always_comb begin
    // AXI's rules for the master, and the card's for itself.
    if (!started_q) assume (!awvalid_i && !wvalid_i && !arvalid_i);
    if (aw_q) assume (awvalid_i && awaddr_i == awaddr_q);
    if (w_q) assume (wvalid_i && wdata_i == wdata_q);
    if (ar_q) assume (arvalid_i && araddr_i == araddr_q);
    assume (!done_i || (request && request_q));
    if (thinking_q == 3'd4) assume (done_i);

    if (started_q) begin
      // An answer stays as it is until it is taken; always OKAY.
      if (b_q) assert (bvalid);
      if (r_q) assert (rvalid && rdata == rdata_q);
      assert (bresp == 2'b00 && rresp == 2'b00);
      // One answer for each request, and none without.
      assert (bvalid == did_write_q);
      assert (rvalid == did_read_q);
      if (rvalid) assert (rdata == read_q);
      // A request stays as it is, is what was asked, and is followed by no other before its answer is gone.
      if (request_q) assert (request && write == write_q && address == address_q);
      if (request_q && write) assert (data == data_q);
      if (request && write) assert (has_aw_q && has_w_q && address == taken_aw_q && data == taken_w_q);
      if (request && !write) assert (has_ar_q && address == taken_ar_q);
      if (request) assert (!bvalid && !rvalid);
      if (request && !write) assert (!did_read_q);
      // Nobody waits for more than what is under way, and a write.
      assert (write_waits_q <= 3'd1);

      // Inside.
      assert (has_aw_q == \u_slave.has_address_q );
      assert (has_w_q == \u_slave.has_data_q );
      assert (request == \u_slave.busy_q );
      if (has_aw_q) assert (taken_aw_q == \u_slave.write_address_q );
      if (has_w_q) assert (taken_w_q == \u_slave.data_q );
      assert (has_ar_q == ((request && !write) || rvalid));
      assert (!(bvalid && rvalid));
      if (request_q) assert (thinking_q <= 3'd4);

      cover (did_write_q && arvalid_i && !arready);
      cover (write_ends && has_aw_q && !has_w_q);
      cover (read_ends && has_aw_q && has_w_q);
      cover (done_q && write_waits_q == 3'd1);
    end
  end

endmodule
