// The card as OpenNIC's 250 MHz box wants it: flat vectors with a lane per physical function or MAC,
// AXI-Lite on the 125 MHz clock, the box's reset handshake. The last physical function is for
// management alone: its registers reach the card, and its packet lane takes what comes and gives
// nothing. MAC ports beyond the first are tied off.
//
// The box tells neither the port's MAC address nor its link: Mac is built in, and LINK reads 1 here; the
// driver asks the CMAC instead (hw/driver/resource_csr_window.h).
module farrier_plugin_250mhz #(
  parameter int unsigned PhysFunctions = 3,  // 2-4, management included
  parameter int unsigned MacPorts = 1,       // 1-2
  parameter logic [47:0] Mac = 48'h02FA_221E_2000
) (
  // Clocks rise together: axil at 125 MHz, axis at 250 MHz.
  input  logic                         axil_aclk,
  input  logic                         axis_aclk,
  input  logic                         mod_rstn,      // low for one axil cycle: reset
  output logic                         mod_rst_done,
  // A PTP clock of the same frequency, if there is one.
  input  logic                         ptp_valid,
  input  logic [63:0]                  ptp_time,      // ns
  // Registers: byte offsets in the box's window.
  input  logic                         s_axil_awvalid,
  input  logic [31:0]                  s_axil_awaddr,
  output logic                         s_axil_awready,
  input  logic                         s_axil_wvalid,
  input  logic [31:0]                  s_axil_wdata,
  output logic                         s_axil_wready,
  output logic                         s_axil_bvalid,
  output logic [1:0]                   s_axil_bresp,
  input  logic                         s_axil_bready,
  input  logic                         s_axil_arvalid,
  input  logic [31:0]                  s_axil_araddr,
  output logic                         s_axil_arready,
  output logic                         s_axil_rvalid,
  output logic [31:0]                  s_axil_rdata,
  output logic [1:0]                   s_axil_rresp,
  input  logic                         s_axil_rready,
  // From the functions.
  input  logic [PhysFunctions-1:0]     s_axis_h2c_tvalid,
  input  logic [PhysFunctions*512-1:0] s_axis_h2c_tdata,
  input  logic [PhysFunctions*64-1:0]  s_axis_h2c_tkeep,
  input  logic [PhysFunctions-1:0]     s_axis_h2c_tlast,
  input  logic [PhysFunctions*16-1:0]  s_axis_h2c_tuser_size,
  input  logic [PhysFunctions*16-1:0]  s_axis_h2c_tuser_src,
  input  logic [PhysFunctions*16-1:0]  s_axis_h2c_tuser_dst,
  output logic [PhysFunctions-1:0]     s_axis_h2c_tready,
  // To the functions.
  output logic [PhysFunctions-1:0]     m_axis_c2h_tvalid,
  output logic [PhysFunctions*512-1:0] m_axis_c2h_tdata,
  output logic [PhysFunctions*64-1:0]  m_axis_c2h_tkeep,
  output logic [PhysFunctions-1:0]     m_axis_c2h_tlast,
  output logic [PhysFunctions*16-1:0]  m_axis_c2h_tuser_size,
  output logic [PhysFunctions*16-1:0]  m_axis_c2h_tuser_src,
  output logic [PhysFunctions*16-1:0]  m_axis_c2h_tuser_dst,
  input  logic [PhysFunctions-1:0]     m_axis_c2h_tready,
  // To the MACs.
  output logic [MacPorts-1:0]          m_axis_tx_tvalid,
  output logic [MacPorts*512-1:0]      m_axis_tx_tdata,
  output logic [MacPorts*64-1:0]       m_axis_tx_tkeep,
  output logic [MacPorts-1:0]          m_axis_tx_tlast,
  output logic [MacPorts*16-1:0]       m_axis_tx_tuser_size,
  output logic [MacPorts*16-1:0]       m_axis_tx_tuser_src,
  output logic [MacPorts*16-1:0]       m_axis_tx_tuser_dst,
  input  logic [MacPorts-1:0]          m_axis_tx_tready,
  // From the MACs.
  input  logic [MacPorts-1:0]          s_axis_rx_tvalid,
  input  logic [MacPorts*512-1:0]      s_axis_rx_tdata,
  input  logic [MacPorts*64-1:0]       s_axis_rx_tkeep,
  input  logic [MacPorts-1:0]          s_axis_rx_tlast,
  input  logic [MacPorts*16-1:0]       s_axis_rx_tuser_size,
  input  logic [MacPorts*16-1:0]       s_axis_rx_tuser_src,
  input  logic [MacPorts*16-1:0]       s_axis_rx_tuser_dst,
  output logic [MacPorts-1:0]          s_axis_rx_tready
);

  localparam int unsigned Functions = PhysFunctions - 1;

  if (PhysFunctions < 2 || PhysFunctions > 4) begin : g_check_functions
    $error("farrier_plugin_250mhz: build the shell with -num_phys_func 2 to 4 (3 is usual)");
  end
  if (MacPorts < 1 || MacPorts > 2) begin : g_check_macs
    $error("farrier_plugin_250mhz: build the shell with -num_cmac_port 1 or 2");
  end

  logic        axil_rst_n, axis_rst_n;
  logic [63:0] time_ns;

  plugin_reset u_reset (
    .axil_clk_i    (axil_aclk),
    .axis_clk_i    (axis_aclk),
    .mod_rst_ni    (mod_rstn),
    .mod_rst_done_o(mod_rst_done),
    .axil_rst_no   (axil_rst_n),
    .axis_rst_no   (axis_rst_n)
  );

  plugin_clock u_clock (
    .clk_i      (axis_aclk),
    .rst_ni     (axis_rst_n),
    .ptp_valid_i(ptp_valid),
    .ptp_time_i (ptp_time),
    .time_o     (time_ns)
  );

  logic        awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  logic [31:0] awaddr, wdata, araddr, rdata;
  logic [1:0]  bresp, rresp;

  axil_crossing u_axil (
    .slow_clk_i (axil_aclk),
    .slow_rst_ni(axil_rst_n),
    .s_awvalid_i(s_axil_awvalid),
    .s_awaddr_i (s_axil_awaddr),
    .s_awready_o(s_axil_awready),
    .s_wvalid_i (s_axil_wvalid),
    .s_wdata_i  (s_axil_wdata),
    .s_wready_o (s_axil_wready),
    .s_bvalid_o (s_axil_bvalid),
    .s_bresp_o  (s_axil_bresp),
    .s_bready_i (s_axil_bready),
    .s_arvalid_i(s_axil_arvalid),
    .s_araddr_i (s_axil_araddr),
    .s_arready_o(s_axil_arready),
    .s_rvalid_o (s_axil_rvalid),
    .s_rdata_o  (s_axil_rdata),
    .s_rresp_o  (s_axil_rresp),
    .s_rready_i (s_axil_rready),
    .fast_clk_i (axis_aclk),
    .fast_rst_ni(axis_rst_n),
    .m_awvalid_o(awvalid),
    .m_awaddr_o (awaddr),
    .m_awready_i(awready),
    .m_wvalid_o (wvalid),
    .m_wdata_o  (wdata),
    .m_wready_i (wready),
    .m_bvalid_i (bvalid),
    .m_bresp_i  (bresp),
    .m_bready_o (bready),
    .m_arvalid_o(arvalid),
    .m_araddr_o (araddr),
    .m_arready_i(arready),
    .m_rvalid_i (rvalid),
    .m_rdata_i  (rdata),
    .m_rresp_i  (rresp),
    .m_rready_o (rready)
  );

  // What stands between the card's lanes and the shell's.
  logic [Functions-1:0]     h2c_valid, h2c_ready, c2h_valid, c2h_last, c2h_ready;
  logic [Functions-1:0]     padded_valid, padded_last, padded_ready;
  logic [Functions*512-1:0] c2h_data;
  logic [Functions*64-1:0]  c2h_keep, padded_keep;
  logic [Functions*16-1:0]  c2h_size, padded_size;
  logic                    tx_valid, tx_last, tx_ready;
  logic [63:0]             tx_keep;
  logic [15:0]             tx_size, tx_dst;

  for (genvar f = 0; f < int'(Functions); f++) begin : g_function
    lane_gate u_gate (
      .clk_i  (axis_aclk),
      .rst_ni (axis_rst_n),
      .valid_i(s_axis_h2c_tvalid[f]),
      .last_i (s_axis_h2c_tlast[f]),
      .ready_o(s_axis_h2c_tready[f]),
      .valid_o(h2c_valid[f]),
      .ready_i(h2c_ready[f])
    );

    lane_pad u_pad (
      .clk_i  (axis_aclk),
      .rst_ni (axis_rst_n),
      .valid_i(c2h_valid[f]),
      .data_i (c2h_data[512*f+:512]),
      .keep_i (c2h_keep[64*f+:64]),
      .last_i (c2h_last[f]),
      .size_i (c2h_size[16*f+:16]),
      .ready_o(c2h_ready[f]),
      .valid_o(padded_valid[f]),
      .data_o (m_axis_c2h_tdata[512*f+:512]),
      .keep_o (padded_keep[64*f+:64]),
      .last_o (padded_last[f]),
      .size_o (padded_size[16*f+:16]),
      .ready_i(padded_ready[f])
    );

    lane_finish u_finish (
      .clk_i  (axis_aclk),
      .rst_ni (axis_rst_n),
      .valid_i(padded_valid[f]),
      .keep_i (padded_keep[64*f+:64]),
      .last_i (padded_last[f]),
      .size_i (padded_size[16*f+:16]),
      .ready_o(padded_ready[f]),
      .valid_o(m_axis_c2h_tvalid[f]),
      .keep_o (m_axis_c2h_tkeep[64*f+:64]),
      .last_o (m_axis_c2h_tlast[f]),
      .size_o (m_axis_c2h_tuser_size[16*f+:16]),
      .ready_i(m_axis_c2h_tready[f])
    );
  end

  lane_finish u_tx_finish (
    .clk_i  (axis_aclk),
    .rst_ni (axis_rst_n),
    .valid_i(tx_valid),
    .keep_i (tx_keep),
    .last_i (tx_last),
    .size_i (tx_size),
    .ready_o(tx_ready),
    .valid_o(m_axis_tx_tvalid[0]),
    .keep_o (m_axis_tx_tkeep[63:0]),
    .last_o (m_axis_tx_tlast[0]),
    .size_o (m_axis_tx_tuser_size[15:0]),
    .ready_i(m_axis_tx_tready[0])
  );

  // The adapter sends what is for its MAC, which it reads at a packet's first beat.
  assign m_axis_tx_tuser_dst[15:0] = 16'h0040;

  // The management function.
  assign s_axis_h2c_tready[Functions]              = 1'b1;
  assign m_axis_c2h_tvalid[Functions]              = 1'b0;
  assign m_axis_c2h_tdata[512*Functions+:512]      = '0;
  assign m_axis_c2h_tkeep[64*Functions+:64]        = '0;
  assign m_axis_c2h_tlast[Functions]               = 1'b0;
  assign m_axis_c2h_tuser_size[16*Functions+:16]   = '0;
  assign m_axis_c2h_tuser_src[16*Functions+:16]    = '0;
  assign m_axis_c2h_tuser_dst[16*Functions+:16]    = '0;

  // The other MAC.
  for (genvar m = 1; m < int'(MacPorts); m++) begin : g_unused_mac
    assign s_axis_rx_tready[m]              = 1'b1;
    assign m_axis_tx_tvalid[m]              = 1'b0;
    assign m_axis_tx_tdata[512*m+:512]      = '0;
    assign m_axis_tx_tkeep[64*m+:64]        = '0;
    assign m_axis_tx_tlast[m]               = 1'b0;
    assign m_axis_tx_tuser_size[16*m+:16]   = '0;
    assign m_axis_tx_tuser_src[16*m+:16]    = '0;
    assign m_axis_tx_tuser_dst[16*m+:16]    = '0;
  end

  logic                   ready, grant_ready, idle;
  logic [Functions*4-1:0] c2h_queue;
  logic [63:0]            wake;

  farrier_card #(
    .Functions(Functions)
  ) u_card (
    .clk_i        (axis_aclk),
    .rst_ni       (axis_rst_n),
    .time_i       (time_ns),
    .mac_i        (Mac),
    .link_i       (1'b1),
    .ready_o      (ready),
    .awvalid_i    (awvalid),
    .awaddr_i     (awaddr),
    .awready_o    (awready),
    .wvalid_i     (wvalid),
    .wdata_i      (wdata),
    .wready_o     (wready),
    .bvalid_o     (bvalid),
    .bresp_o      (bresp),
    .bready_i     (bready),
    .arvalid_i    (arvalid),
    .araddr_i     (araddr),
    .arready_o    (arready),
    .rvalid_o     (rvalid),
    .rdata_o      (rdata),
    .rresp_o      (rresp),
    .rready_i     (rready),
    .rx_valid_i   (s_axis_rx_tvalid[0]),
    .rx_data_i    (s_axis_rx_tdata[511:0]),
    .rx_keep_i    (s_axis_rx_tkeep[63:0]),
    .rx_last_i    (s_axis_rx_tlast[0]),
    .rx_size_i    (s_axis_rx_tuser_size[15:0]),
    .rx_src_i     (s_axis_rx_tuser_src[15:0]),
    .rx_dst_i     (s_axis_rx_tuser_dst[15:0]),
    .rx_ready_o   (s_axis_rx_tready[0]),
    .tx_valid_o   (tx_valid),
    .tx_data_o    (m_axis_tx_tdata[511:0]),
    .tx_keep_o    (tx_keep),
    .tx_last_o    (tx_last),
    .tx_size_o    (tx_size),
    .tx_src_o     (m_axis_tx_tuser_src[15:0]),
    .tx_dst_o     (tx_dst),
    .tx_ready_i   (tx_ready),
    .c2h_valid_o  (c2h_valid),
    .c2h_data_o   (c2h_data),
    .c2h_keep_o   (c2h_keep),
    .c2h_last_o   (c2h_last),
    .c2h_size_o   (c2h_size),
    .c2h_src_o    (m_axis_c2h_tuser_src[16*Functions-1:0]),
    .c2h_dst_o    (m_axis_c2h_tuser_dst[16*Functions-1:0]),
    .c2h_queue_o  (c2h_queue),
    .c2h_ready_i  (c2h_ready),
    .h2c_valid_i  (h2c_valid),
    .h2c_data_i   (s_axis_h2c_tdata[512*Functions-1:0]),
    .h2c_keep_i   (s_axis_h2c_tkeep[64*Functions-1:0]),
    .h2c_last_i   (s_axis_h2c_tlast[Functions-1:0]),
    .h2c_size_i   (s_axis_h2c_tuser_size[16*Functions-1:0]),
    .h2c_src_i    (s_axis_h2c_tuser_src[16*Functions-1:0]),
    .h2c_dst_i    (s_axis_h2c_tuser_dst[16*Functions-1:0]),
    .h2c_ready_o  (h2c_ready),
    .grant_i      (1'b0),
    .grant_queue_i(6'd0),
    .grant_count_i(16'd0),
    .grant_ready_o(grant_ready),
    .idle_o       (idle),
    .wake_o       (wake)
  );

  logic unused;
  assign unused = ^{ready, grant_ready, idle, wake, c2h_queue, tx_dst, s_axis_rx_tvalid, s_axis_rx_tdata,
                    s_axis_rx_tkeep, s_axis_rx_tlast, s_axis_rx_tuser_size, s_axis_rx_tuser_src,
                    s_axis_rx_tuser_dst, m_axis_tx_tready, m_axis_c2h_tready, s_axis_h2c_tvalid,
                    s_axis_h2c_tdata, s_axis_h2c_tkeep, s_axis_h2c_tlast, s_axis_h2c_tuser_size,
                    s_axis_h2c_tuser_src, s_axis_h2c_tuser_dst};

endmodule
