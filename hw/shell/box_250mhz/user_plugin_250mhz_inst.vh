// Included into OpenNIC's box_250mhz: the card. FARRIER_MAC is defined by build_box_250mhz.tcl if the
// environment has it.
initial begin
  if (USE_PHYS_FUNC == 0) $fatal(1, "Farrier: build the shell with -use_phys_func 1");
  if (NUM_QDMA != 1) $fatal(1, "Farrier: build the shell with -num_qdma 1");
end

// The shell waits for the bits of blocks that are not there, too.
assign mod_rst_done[15:1] = {15{1'b1}};

farrier_plugin_250mhz #(
`ifdef FARRIER_MAC
  .Mac          (`FARRIER_MAC),
`endif
  .PhysFunctions(NUM_PHYS_FUNC),
  .MacPorts     (NUM_CMAC_PORT)
) farrier_inst (
  .axil_aclk            (axil_aclk),
  .axis_aclk            (axis_aclk),
  .mod_rstn             (mod_rstn[0]),
  .mod_rst_done         (mod_rst_done[0]),
  .ptp_valid            (1'b0),
  .ptp_time             (64'd0),
  .s_axil_awvalid       (axil_farrier_awvalid),
  .s_axil_awaddr        (axil_farrier_awaddr),
  .s_axil_awready       (axil_farrier_awready),
  .s_axil_wvalid        (axil_farrier_wvalid),
  .s_axil_wdata         (axil_farrier_wdata),
  .s_axil_wready        (axil_farrier_wready),
  .s_axil_bvalid        (axil_farrier_bvalid),
  .s_axil_bresp         (axil_farrier_bresp),
  .s_axil_bready        (axil_farrier_bready),
  .s_axil_arvalid       (axil_farrier_arvalid),
  .s_axil_araddr        (axil_farrier_araddr),
  .s_axil_arready       (axil_farrier_arready),
  .s_axil_rvalid        (axil_farrier_rvalid),
  .s_axil_rdata         (axil_farrier_rdata),
  .s_axil_rresp         (axil_farrier_rresp),
  .s_axil_rready        (axil_farrier_rready),
  .s_axis_h2c_tvalid    (s_axis_qdma_h2c_tvalid),
  .s_axis_h2c_tdata     (s_axis_qdma_h2c_tdata),
  .s_axis_h2c_tkeep     (s_axis_qdma_h2c_tkeep),
  .s_axis_h2c_tlast     (s_axis_qdma_h2c_tlast),
  .s_axis_h2c_tuser_size(s_axis_qdma_h2c_tuser_size),
  .s_axis_h2c_tuser_src (s_axis_qdma_h2c_tuser_src),
  .s_axis_h2c_tuser_dst (s_axis_qdma_h2c_tuser_dst),
  .s_axis_h2c_tready    (s_axis_qdma_h2c_tready),
  .m_axis_c2h_tvalid    (m_axis_qdma_c2h_tvalid),
  .m_axis_c2h_tdata     (m_axis_qdma_c2h_tdata),
  .m_axis_c2h_tkeep     (m_axis_qdma_c2h_tkeep),
  .m_axis_c2h_tlast     (m_axis_qdma_c2h_tlast),
  .m_axis_c2h_tuser_size(m_axis_qdma_c2h_tuser_size),
  .m_axis_c2h_tuser_src (m_axis_qdma_c2h_tuser_src),
  .m_axis_c2h_tuser_dst (m_axis_qdma_c2h_tuser_dst),
  .m_axis_c2h_tready    (m_axis_qdma_c2h_tready),
  .m_axis_tx_tvalid     (m_axis_adap_tx_250mhz_tvalid),
  .m_axis_tx_tdata      (m_axis_adap_tx_250mhz_tdata),
  .m_axis_tx_tkeep      (m_axis_adap_tx_250mhz_tkeep),
  .m_axis_tx_tlast      (m_axis_adap_tx_250mhz_tlast),
  .m_axis_tx_tuser_size (m_axis_adap_tx_250mhz_tuser_size),
  .m_axis_tx_tuser_src  (m_axis_adap_tx_250mhz_tuser_src),
  .m_axis_tx_tuser_dst  (m_axis_adap_tx_250mhz_tuser_dst),
  .m_axis_tx_tready     (m_axis_adap_tx_250mhz_tready),
  .s_axis_rx_tvalid     (s_axis_adap_rx_250mhz_tvalid),
  .s_axis_rx_tdata      (s_axis_adap_rx_250mhz_tdata),
  .s_axis_rx_tkeep      (s_axis_adap_rx_250mhz_tkeep),
  .s_axis_rx_tlast      (s_axis_adap_rx_250mhz_tlast),
  .s_axis_rx_tuser_size (s_axis_adap_rx_250mhz_tuser_size),
  .s_axis_rx_tuser_src  (s_axis_adap_rx_250mhz_tuser_src),
  .s_axis_rx_tuser_dst  (s_axis_adap_rx_250mhz_tuser_dst),
  .s_axis_rx_tready     (s_axis_adap_rx_250mhz_tready)
);
