// AXI-Lite from a clock to one of twice its frequency that rises with it (125 to 250 MHz in OpenNIC). One
// write and one read at a time. Each is handed over and back by a bit that changes, beside registers that
// stand still meanwhile; the clocks being in phase, these paths are timed like any other.
module axil_crossing (
  // The slow side: from the shell.
  input  logic        slow_clk_i,
  input  logic        slow_rst_ni,
  input  logic        s_awvalid_i,
  input  logic [31:0] s_awaddr_i,
  output logic        s_awready_o,
  input  logic        s_wvalid_i,
  input  logic [31:0] s_wdata_i,
  output logic        s_wready_o,
  output logic        s_bvalid_o,
  output logic [1:0]  s_bresp_o,
  input  logic        s_bready_i,
  input  logic        s_arvalid_i,
  input  logic [31:0] s_araddr_i,
  output logic        s_arready_o,
  output logic        s_rvalid_o,
  output logic [31:0] s_rdata_o,
  output logic [1:0]  s_rresp_o,
  input  logic        s_rready_i,
  // The fast side: to the card.
  input  logic        fast_clk_i,
  input  logic        fast_rst_ni,
  output logic        m_awvalid_o,
  output logic [31:0] m_awaddr_o,
  input  logic        m_awready_i,
  output logic        m_wvalid_o,
  output logic [31:0] m_wdata_o,
  input  logic        m_wready_i,
  input  logic        m_bvalid_i,
  input  logic [1:0]  m_bresp_i,
  output logic        m_bready_o,
  output logic        m_arvalid_o,
  output logic [31:0] m_araddr_o,
  input  logic        m_arready_i,
  input  logic        m_rvalid_i,
  input  logic [31:0] m_rdata_i,
  input  logic [1:0]  m_rresp_i,
  output logic        m_rready_o
);

  logic        has_address_q, has_data_q, write_asked_q, write_done_q, read_busy_q, read_asked_q, read_done_q;
  logic        out_q;  // of reset
  logic        write_sent_q, read_sent_q;
  logic [31:0] awaddr_q, wdata_q, araddr_q, rdata_q;
  logic [1:0]  bresp_q, rresp_q;

  // Slow side. A write is sent once its address and its data are there.
  assign s_awready_o = out_q && !has_address_q;
  assign s_wready_o  = out_q && !has_data_q;
  assign s_arready_o = out_q && !read_busy_q;
  assign s_bvalid_o  = write_sent_q && write_asked_q == write_done_q;
  assign s_bresp_o   = bresp_q;
  assign s_rvalid_o  = read_busy_q && read_sent_q && read_asked_q == read_done_q;
  assign s_rdata_o   = rdata_q;
  assign s_rresp_o   = rresp_q;

  always_ff @(posedge slow_clk_i) begin
    if (!slow_rst_ni) begin
      out_q         <= 1'b0;
      has_address_q <= 1'b0;
      has_data_q    <= 1'b0;
      write_asked_q <= 1'b0;
      write_sent_q  <= 1'b0;
      read_busy_q   <= 1'b0;
      read_asked_q  <= 1'b0;
      read_sent_q   <= 1'b0;
    end else begin
      out_q <= 1'b1;
      if (s_awvalid_i && s_awready_o) has_address_q <= 1'b1;
      if (s_wvalid_i && s_wready_o) has_data_q <= 1'b1;
      if (has_address_q && has_data_q && !write_sent_q) begin
        write_asked_q <= !write_asked_q;
        write_sent_q  <= 1'b1;
      end
      if (s_bvalid_o && s_bready_i) begin
        has_address_q <= 1'b0;
        has_data_q    <= 1'b0;
        write_sent_q  <= 1'b0;
      end
      if (s_arvalid_i && s_arready_o) read_busy_q <= 1'b1;
      if (read_busy_q && !read_sent_q) begin
        read_asked_q <= !read_asked_q;
        read_sent_q  <= 1'b1;
      end
      if (s_rvalid_o && s_rready_i) begin
        read_busy_q <= 1'b0;
        read_sent_q <= 1'b0;
      end
    end
    if (s_awvalid_i && s_awready_o) awaddr_q <= s_awaddr_i;
    if (s_wvalid_i && s_wready_o) wdata_q <= s_wdata_i;
    if (s_arvalid_i && s_arready_o) araddr_q <= s_araddr_i;
  end

  // Fast side.
  logic awvalid_q, wvalid_q, write_seen_q, arvalid_q, read_seen_q;

  assign m_awvalid_o = awvalid_q;
  assign m_awaddr_o  = awaddr_q;
  assign m_wvalid_o  = wvalid_q;
  assign m_wdata_o   = wdata_q;
  assign m_bready_o  = 1'b1;
  assign m_arvalid_o = arvalid_q;
  assign m_araddr_o  = araddr_q;
  assign m_rready_o  = 1'b1;

  always_ff @(posedge fast_clk_i) begin
    if (!fast_rst_ni) begin
      awvalid_q    <= 1'b0;
      wvalid_q     <= 1'b0;
      write_seen_q <= 1'b0;
      write_done_q <= 1'b0;
      arvalid_q    <= 1'b0;
      read_seen_q  <= 1'b0;
      read_done_q  <= 1'b0;
    end else begin
      write_seen_q <= write_asked_q;
      if (write_asked_q != write_seen_q) begin
        awvalid_q <= 1'b1;
        wvalid_q  <= 1'b1;
      end else begin
        if (m_awready_i) awvalid_q <= 1'b0;
        if (m_wready_i) wvalid_q <= 1'b0;
      end
      if (m_bvalid_i) write_done_q <= write_seen_q;
      read_seen_q <= read_asked_q;
      if (read_asked_q != read_seen_q) arvalid_q <= 1'b1;
      else if (m_arready_i) arvalid_q <= 1'b0;
      if (m_rvalid_i) read_done_q <= read_seen_q;
    end
    if (m_bvalid_i) bresp_q <= m_bresp_i;
    if (m_rvalid_i) begin
      rdata_q <= m_rdata_i;
      rresp_q <= m_rresp_i;
    end
  end

endmodule
